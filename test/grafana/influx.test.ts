import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openInfluxStore } from '../../src/store/influx/index.ts'
import { type Influxd, startInfluxd } from '../support/influxd.ts'
import { type Dashboard, dashboards, isInflux, type Panel } from './dashboards.ts'
import { NOW, siteRows } from './site.ts'

const DATABASE = 'gridtally'
const FROM = NOW - 40 * 86_400_000

/** What Grafana makes of a query: the time of the dashboard, and variables as somebody chose them. */
const filled = (query: string, values: Readonly<Record<string, string>>): string => {
  const text = query
    .replaceAll('$timeFilter', `time >= ${FROM}ms AND time <= ${NOW}ms`)
    .replaceAll('$__interval', '1h')
    .replaceAll(/\$(\w+)/g, (whole, name) => values[name] ?? whole)
  if (/\$[\w{]/.test(text)) throw new Error(`a variable is not filled: ${text}`)
  return text
}

describe.each(dashboards.filter(isInflux).map((one) => [one.file, one] as const))('%s on a real influxd', (_, dashboard: Dashboard) => {
  let server: Influxd
  beforeAll(async () => {
    server = await startInfluxd()
    const store = await openInfluxStore({ url: server.url, version: 'v1', database: DATABASE, createDatabase: true })
    if (!store.ok) throw new Error(store.error.message)
    expect(await store.value.write(siteRows())).toEqual({ kind: 'stored', dead: [] })
    await store.value.close()
  })
  afterAll(() => server?.destroy())

  /** Variables in their order, each asked with the ones before it; `all`: everything is chosen where that can be. */
  const chosen = async (all: boolean): Promise<Readonly<Record<string, string>>> => {
    const values: Record<string, string> = {}
    for (const { name, query, includeAll, allValue } of dashboard.templating.list) {
      if (typeof query !== 'string') throw new Error(`${name} is no InfluxQL variable`)
      const blocks = await server.query(filled(query, values), DATABASE)
      const found = blocks.flatMap(({ values: rows }) => rows.map(([, value]) => String(value))).filter((value) => value !== '-')
      expect([name, found.length > 0]).toEqual([name, true])
      values[name] = all && includeAll ? (allValue ?? '') : includeAll ? `(${found.join('|')})` : (found[0] ?? '')
    }
    return values
  }

  it.each([true, false])('every panel shows something (everything chosen: %s)', async (all) => {
    const values = await chosen(all)
    const empty: string[] = []
    for (const { title, targets } of dashboard.panels)
      for (const { refId, query = '' } of targets) {
        const blocks = await server.query(filled(query, values), DATABASE)
        const numbers = blocks.flatMap(({ values: rows }) => rows.flatMap((row) => row.slice(1).filter((value) => value !== null)))
        if (numbers.length === 0) empty.push(`${title} ${refId}: ${filled(query, values)}`)
      }
    expect(empty).toEqual([])
  })

  it('asks only for tags and fields that there are', async () => {
    const values = await chosen(true)
    const keys = new Map<string, Set<string>>()
    for (const kind of ['FIELD', 'TAG'])
      for (const block of await server.query(`SHOW ${kind} KEYS`, DATABASE)) {
        const { name = '' } = { ...block } as { name?: string }
        const known = keys.get(name) ?? new Set(['time'])
        for (const [key] of block.values) known.add(String(key))
        keys.set(name, known)
      }
    const strange = dashboard.panels.flatMap(({ title, targets }: Panel) =>
      targets.flatMap(({ query = '' }) => {
        const text = filled(query, values).replaceAll(/ AS "[^"]*"/g, '')
        const measurement = /FROM "(\w+)"/.exec(text)?.[1] ?? ''
        return [...text.replace(/FROM "\w+"/, '').matchAll(/"([^"]+)"/g)].flatMap(([, key = '']) =>
          keys.get(measurement)?.has(key) ? [] : [`${title}: ${measurement} has no ${key}`],
        )
      }),
    )
    expect(strange).toEqual([])
  })
})

describe('line loss', () => {
  it('leaves a day that is not computable out, never zero', async () => {
    const server = await startInfluxd()
    try {
      const store = await openInfluxStore({ url: server.url, version: 'v1', database: DATABASE, createDatabase: true })
      if (!store.ok) throw new Error(store.error.message)
      await store.value.write(siteRows())
      await store.value.close()
      const panel = dashboards.find(({ file }) => file === 'line-loss.json')?.panels.find(({ title }) => title.startsWith('Line loss rate'))
      const [block] = await server.query(filled(panel?.targets[0]?.query ?? '', { area: '.*' }), DATABASE)
      expect(block?.values.map(([, value]) => value)).toEqual([2.5])
    } finally {
      await server.destroy()
    }
  })
})
