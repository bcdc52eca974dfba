import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { api, asReader } from '../api/fake.ts'
import { dashboards, FOLDER, isInflux } from './dashboards.ts'

/** Words of PromQL that are no metric. */
const WORDS = new Set([
  'by',
  'without',
  'sum',
  'rate',
  'increase',
  'time',
  'absent',
  'and',
  'or',
  'unless',
  'histogram_quantile',
  'label_values',
  'max',
  'min',
  'avg',
  'on',
  'ignoring',
])
/** What Prometheus itself puts beside every sample. */
const OWN_LABELS = ['instance', 'job', 'le']

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}
const alerts: readonly Rule[] = parse(readFileSync(`${FOLDER}prometheus-alerts.yaml`, 'utf8')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
)

/** Each metric an expression names, with the labels it asks for. */
const metricsIn = (expr: string): { readonly name: string; readonly labels: readonly string[] }[] => {
  const text = expr.replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, ' ').replaceAll(/"[^"]*"/g, '""')
  return [...text.matchAll(/([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?/g)].flatMap(([whole, name = '', labels = '']) =>
    WORDS.has(name) || text[text.indexOf(whole) - 1] === '$' || /^(s|m|h|d|__rate_interval|instance|line)$/.test(name)
      ? []
      : [{ name, labels: [...labels.matchAll(/(\w+)\s*=~?/g)].map(([, label = '']) => label) }],
  )
}

/** Every metric the gateway exports, with its labels. */
const exported = async (): Promise<ReadonlyMap<string, ReadonlySet<string>>> => {
  const known = new Map<string, Set<string>>()
  const { app } = await api()
  await app.inject({ url: '/health/live' })
  const { payload } = await app.inject({ url: '/metrics', headers: asReader })
  for (const line of payload.split('\n')) {
    const [, name, labels = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? []
    if (name === undefined) continue
    const beside = known.get(name) ?? new Set()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) beside.add(label)
    known.set(name, beside)
  }
  return known
}

describe('what /metrics exports', () => {
  const missing = (known: ReadonlyMap<string, ReadonlySet<string>>) => (expr: string) =>
    metricsIn(expr).flatMap(({ name, labels }) => {
      const there = known.get(name)
      if (!there) return [`no metric ${name}`]
      return labels.flatMap((label) => (OWN_LABELS.includes(label) || there.has(label) ? [] : [`${name} has no label ${label}`]))
    })

  it('finds a name that is none', async () => {
    const of = missing(await exported())
    expect(of('rate(gridtally_nothing_total{instance=~"$instance"}[$__rate_interval])')).toEqual(['no metric gridtally_nothing_total'])
    expect(of('gridtally_line_up{colour="red"}')).toEqual(['gridtally_line_up has no label colour'])
    expect(
      metricsIn('sum by (reason) (rate(gridtally_exchange_failures_total{line=~"$line"}[6h])) > 0.5 and time() > 3').map(
        ({ name }) => name,
      ),
    ).toEqual(['gridtally_exchange_failures_total'])
  })

  it.each(dashboards.filter((one) => !isInflux(one)).map((one) => [one.file, one] as const))(
    'has all that %s asks for',
    async (_, dashboard) => {
      const exprs = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr = '' }) => expr))
      const variables = dashboard.templating.list.map(({ query }) => (typeof query === 'string' ? query : query.query))
      expect(exprs.length).toBeGreaterThan(10)
      expect([...exprs, ...variables].flatMap(missing(await exported()))).toEqual([])
    },
  )

  it('has all that the alerts ask for', async () => {
    const of = missing(await exported())
    expect(alerts.length).toBeGreaterThan(5)
    expect(alerts.flatMap(({ expr }) => of(expr))).toEqual([])
    for (const { alert, labels, annotations, for: lasting } of alerts)
      expect([alert, labels.severity, lasting, annotations.summary, annotations.description]).toEqual([
        ...[
          alert,
          expect.stringMatching(/^(critical|warning|info)$/),
          expect.stringMatching(/^\d+[mh]$/),
          expect.stringMatching(/./),
          expect.stringMatching(/./),
        ],
      ])
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length)
  })
})
