import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Principal } from '../../access/principals.ts'
import type { BillingCycleReport, BillingCycleView } from '../billing-book-deps.ts'
import { unitJson } from '../billing-book-json.ts'
import { BillingCycleParams, BillingMonthQuery } from '../billing-book-queries.ts'
import { BillingCycleList, BillingCycleReportSchema } from '../billing-book-schemas.ts'
import { seesOf } from '../billing-seen.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { closed, ref } from '../schema-words.ts'
import { iso } from './common.ts'

const tags = ['billing']

/** Billing cycles, and how complete each is. */
export const billingCycleRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  /** Somebody sees a cycle when they see any place it names; one that names none is everybody's. */
  const isSeen = (who: Principal | null) => {
    const scope = deps.scopeOf(who)
    return ({ zones, areas }: BillingCycleView) =>
      scope.all ||
      (zones === null && areas === null) ||
      (zones ?? []).some((zone) => scope.sees('zone', zone)) ||
      (areas ?? []).some((area) => scope.sees('area', area))
  }
  /** What lies outside of what somebody sees is left out of the lists, too. */
  const shown = (who: Principal | null, cycle: BillingCycleView) => {
    const scope = deps.scopeOf(who)
    return {
      ...cycle,
      zones: cycle.zones?.filter((zone) => scope.all || scope.sees('zone', zone)) ?? null,
      areas: cycle.areas?.filter((area) => scope.all || scope.sees('area', area)) ?? null,
      registers: cycle.registers && [...cycle.registers],
    }
  }
  app.get(
    '/billing/cycles',
    {
      config: { permission: 'billing:read', whole: ['id'] },
      schema: {
        operationId: 'listBillingCycles',
        tags,
        summary: 'Billing cycles',
        description: 'As gateway.yaml has them under `billing.cycles`: name, day of the month, zones and areas, registers.',
        querystring: Type.Object({}, closed),
        response: { 200: BillingCycleList },
      },
    },
    async ({ who }) => ({
      items: deps
        .billingCycles()
        .filter(isSeen(who))
        .map((cycle) => shown(who, cycle)),
    }),
  )
  app.get(
    '/billing/cycles/:id/completeness',
    {
      config: {
        permission: 'billing:read',
        failures: [404, 414, 422],
        heavy: true,
        whole: { units: ['area'], open: ['point'], former: ['point'] },
      },
      schema: {
        operationId: 'getBillingCompleteness',
        tags,
        summary: 'How complete a billing cycle is',
        description:
          'Of each transformer area: points that are due, released, could be released, are held and why. Says whether everything due stands released.',
        params: BillingCycleParams,
        querystring: BillingMonthQuery,
        response: { 200: ref(BillingCycleReportSchema, 'The report.') },
      },
    },
    async ({ params: { id }, query: { month = null }, who }, reply) => {
      if (!deps.billingCycles().some((cycle) => cycle.id === id && isSeen(who)(cycle)))
        return refuse(reply, problem('API_BILLING', `there is no billing cycle ${JSON.stringify(id)}`))
      const report = await deps.billingCompleteness(id, month, seesOf(deps, who))
      if (!report.ok) return refuse(reply, problemOf(report.error.because, report.error.error))
      const { cycle, at, units, total } = report.value
      const all = unitJson(total)
      return {
        ...{
          cycle: shown(who, cycle),
          month: report.value.month,
          at: iso(at),
          complete: all.complete && report.value.unknown.length === 0,
        },
        ...{ statement: statementOf(report.value), total: all },
        units: units.map((unit) => ({ area: unit.area, ...unitJson(unit) })),
        open: report.value.open.map(({ point, area, reasons }) => ({ point, area, reasons: [...reasons] })),
        former: report.value.former.map((one) => ({ ...one })),
        formerPoints: report.value.formerPoints,
        unknown: [...report.value.unknown],
      }
    },
  )
}

const statementOf = ({ cycle, month, unknown, total: { due, released, provisional, held } }: BillingCycleReport): string => {
  const what = `${month} of cycle ${cycle.name}`
  if (unknown.length > 0) return `${what} is not complete: the ledger has no ${unknown.join(', ')}`
  if (due === 0) return `${what} has no points that are due`
  if (released === due) return `${what} is complete: all ${due} points stand released`
  return `${what} is not complete: of ${due} points ${held} are held, ${provisional} could be released and are not`
}
