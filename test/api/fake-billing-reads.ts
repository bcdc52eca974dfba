import type {
  BillingEnergyPointView,
  BillingFigureView,
  BillingGroupView,
  BillingPlace,
  BillingPointView,
  BillingReadDeps,
} from '../../src/api/index.ts'
import { err, failWith, ok, type Scope } from '../../src/core/index.ts'

const fail = failWith({ BILLING_UNKNOWN: { recovery: 'skip', hint: 'look at the list' } })
const POINTS = ['P-001', 'P-002', 'P-003', 'P-004']

const figure = (at: number, change: Partial<BillingFigureView> = {}): BillingFigureView => ({
  ...{ register: '1.8.0', unit: 'kWh', value: '123.40', ratio: '40', primary: '4936.00', meter: 'M-1', source: 'day-freeze', quality: 0 },
  ...{ measuredAt: at, receivedAt: at + 60_000, evidence: { id: 'E-1', kind: 'frame', sha256: 'ab'.repeat(32) } },
  ...change,
})

export const billingPoint = (point: string, at: number): BillingPointView => {
  const base = { point, area: 'A-1', customer: point === 'P-001' ? 'C-1' : null, meter: 'M-1', missing: [], holds: [] }
  const provisional = { state: 'provisional', version: null, releasedAt: null, pending: null } as const
  if (point === 'P-001')
    return {
      ...{ ...base, state: 'released' },
      registers: [
        {
          ...figure(at),
          state: 'released',
          version: 2,
          releasedAt: at + 90_000,
          pending: figure(at, { value: '123.50', primary: '4940.00', storedRatio: '20' }),
        },
      ],
    }
  if (point === 'P-003')
    return {
      ...{ ...base, state: 'held', meter: null, registers: [], missing: ['1.8.0'] },
      holds: [{ reason: 'no-read', text: 'no meter hung there' }],
    }
  return { ...base, state: 'provisional', registers: [{ ...figure(at), ...provisional }] }
}

export const billingEnergyPoint = (point: string, from: number, to: number): BillingEnergyPointView => {
  const end = (at: number, value: string) =>
    ({ value, meter: 'M-1', source: 'day-freeze', measuredAt: at, state: 'released', version: 1 }) as const
  const isHeld = point === 'P-003'
  return {
    ...{ point, area: 'A-1', customer: null, state: isHeld ? 'held' : 'released', tariffs: null },
    registers: [
      {
        ...{
          register: '1.8.0',
          unit: 'kWh',
          energy: isHeld ? null : '400.00',
          start: isHeld ? null : end(from, '100.00'),
          end: end(to, '110.00'),
        },
        segments: isHeld ? [] : [{ meter: 'M-1', from, to, ratio: '40', start: '100.00', end: '110.00', delta: '10.00', energy: '400.00' }],
        ...{ estimatedPpm: 0, reasons: isHeld ? ['missing'] : [], released: !isHeld },
      },
    ],
    holds: isHeld ? [{ at: from, reason: 'no-read', text: 'nothing was read' }] : [],
  }
}

const ids = ({ points, area, zone }: BillingPlace, scope: Scope, after: string | null, limit = 1000) =>
  (area !== undefined && area !== 'A-1') || zone === 'Z-2'
    ? []
    : POINTS.filter((id) => (points ?? POINTS).includes(id) && scope.sees('point', id) && (after === null || id > after)).slice(0, limit)

const group = (change: Partial<BillingGroupView>): BillingGroupView => ({
  ...{ zone: 'Z-1', area: 'A-1', due: 4, released: 1, provisional: 2, held: 1, withdrawn: 0, pending: 1, reasons: { 'no-read': 1 } },
  ...change,
})

/** Reads for billing that exist only as answers. P-000 is there and not billed. */
export const fakeBillingReads = (): BillingReadDeps => ({
  billingReads: {
    problem: ({ points = [] }, scope) => {
      const gone = points.find((id) => (!POINTS.includes(id) && id !== 'P-000') || !scope.sees('point', id))
      return gone === undefined ? null : { because: 'unknown', error: fail('BILLING_UNKNOWN', `there is no point "${gone}"`).error }
    },
    readings: async function* (at, place, scope, after, limit) {
      for (const id of ids(place, scope, after, limit)) yield [billingPoint(id, at)]
    },
    energy: async function* (from, to, place, scope, after, limit) {
      for (const id of ids(place, scope, after, limit)) yield [billingEnergyPoint(id, from, to)]
    },
    completeness: async () => [group({}), group({ zone: null, area: null })],
    customer: async (id, from, to) =>
      id === 'C-1'
        ? ok({
            ...{ customer: id, state: 'released', notBilled: ['P-000'] },
            points: [
              { ...billingEnergyPoint('P-001', from, to), sign: 1 },
              { ...billingEnergyPoint('P-002', from, to), sign: -1 },
            ],
            sums: [{ register: '1.8.0', unit: 'kWh', energy: '0.00', reasons: [] }],
          })
        : err({ because: 'unknown', error: fail('BILLING_UNKNOWN', `there is no customer "${id}"`).error }),
  },
})
