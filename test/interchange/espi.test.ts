import { describe, expect, it } from 'vitest'
import { err, failWith } from '../../src/core/index.ts'
import { type EspiFeed, type EspiItem, type EspiRegister, espiText, localTimeOf } from '../../src/interchange/index.ts'
import { complaintsOf, hasXmllint } from '../support/xmllint.ts'
import { AT, HOUR, streamOf, whole } from './samples.ts'

const feed: EspiFeed = {
  ...{ point: 'P & 12', path: '/api/v1/interchange/espi/usage-points/P%20%26%2012', period: '1h', at: AT + 40 * 24 * HOUR },
  localTime: localTimeOf('Asia/Shanghai', 2026),
  blockOf: (from) => new Date(from + 8 * HOUR).toISOString().slice(0, 10),
}
const item = (hour: number, value: string | null, change: Partial<EspiItem> = {}): EspiItem => ({
  ...{ from: AT + hour * HOUR, to: AT + (hour + 1) * HOUR, value, quality: value === null ? [] : ['good'], reasons: [] },
  ...change,
})
const registers: EspiRegister[] = [
  {
    obis: '1-0:1.8.0',
    items: [
      item(0, '0.80'),
      item(1, null, { reasons: ['missing'] }),
      item(2, '0.00'),
      item(3, '1.2345', { reasons: ['split'] }),
      item(24, '100', { quality: ['manual'] }),
      item(25, '1', { quality: ['clockDoubtful'] }),
    ],
  },
  { obis: '1-0:1.8.2', items: [item(0, null)] },
  { obis: '1-0:3.8.0', items: [item(0, '-0.5')] },
  { obis: '0-0:96.1.0', items: [item(0, '1')] },
]
const months = [{ ...item(0, '2400.50'), to: AT + 30 * 24 * HOUR }, item(800, null)]
const textOf = (some: readonly EspiRegister[] = registers, change: Partial<EspiFeed> = {}) =>
  whole(espiText({ ...feed, ...change }, streamOf(some), months))
const entries = (xml: string, name: string) => xml.split('<entry>').filter((one) => one.includes(`<${name} xmlns`))

describe.skipIf(!hasXmllint() && !process.env.CI)('a usage feed under the schema', () => {
  it.each(['15m', '1h', 'day', 'month'] as const)('is valid for %s', async (period) =>
    expect(complaintsOf(await textOf(registers, { period }), 'atom')).toBe(''),
  )
  it('is valid without anything known', async () => expect(complaintsOf(await whole(espiText(feed, streamOf([]), [])), 'atom')).toBe(''))
  it('is checked by the schema', async () => {
    const good = await textOf()
    for (const [from, to] of [
      ['<kind>0</kind>', ''],
      ['<uom>72</uom>', '<uom>kWh</uom>'],
      ['<value>0</value>', '<value>0.5</value>'],
      [/urn:uuid:[^<]*/g, 'urn:uuid:00000000-0000-5000-8000-000000000000'],
    ] as const)
      expect(complaintsOf(good.replace(from, to), 'atom')).not.toBe('')
  })
})

describe('a usage feed', () => {
  it('tells values as exact integers of one power of ten', async () => {
    const xml = await textOf()
    const [type] = entries(xml, 'ReadingType')
    // 1.2345 kWh are 1,234.5 Wh: tenths.
    expect(type).toContain('<powerOfTenMultiplier>-1</powerOfTenMultiplier>')
    expect(xml.match(/<value>-?\d+<\/value>/g)).toEqual(
      ['8000', '0', '12345', '1000000', '10000', '-500', '2400500'].map((one) => `<value>${one}</value>`),
    )
  })

  it('leaves a gap out, never zero', async () => {
    const xml = await textOf()
    const blocks = entries(xml, 'IntervalBlock')
    expect(blocks.map((one) => one.match(/<IntervalReading>/g)?.length)).toEqual([3, 2, 1])
    expect(blocks[0]).not.toContain(`<start>${(AT + HOUR) / 1000}</start>`)
    // Nothing of tariff 2 is known: it has a type and no block.
    expect(entries(xml, 'MeterReading')).toHaveLength(3)
  })

  it('says what a reading is worth', async () => {
    const qualities = (await textOf()).match(/<quality>\d+<\/quality>/g)
    expect(qualities).toEqual(['<quality>8</quality>', '<quality>7</quality>', '<quality>10</quality>'])
  })

  it('has ids and links that are the same each time and hold together', async () => {
    const [one, two] = [await textOf(), await textOf(registers, { at: feed.at + HOUR })]
    const ids = (xml: string) => xml.match(/urn:uuid:[0-9a-f-]+/g)
    expect(ids(one)).toEqual(ids(two))
    const selves = new Set([...one.matchAll(/rel="self" href="([^"]+)"/g)].map(([, href]) => href))
    for (const entry of entries(one, 'MeterReading')) {
      const related = [...entry.matchAll(/rel="related" href="([^"]+)"/g)].map(([, href]) => href)
      expect(related.filter((href) => selves.has(href))).toHaveLength(1)
    }
    for (const entry of entries(one, 'IntervalBlock')) {
      const up = /rel="up" href="([^"]+)\/IntervalBlock"/.exec(entry)?.[1]
      expect(selves.has(up)).toBe(true)
    }
  })

  it('sums up a month whose import is known', async () => {
    const summaries = entries(await textOf(), 'UsageSummary')
    expect(summaries).toHaveLength(1)
    expect(summaries[0]).toContain(`<billingPeriod><duration>${30 * 24 * 3600}</duration><start>${AT / 1000}</start></billingPeriod>`)
    expect(summaries[0]).toContain('<powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom><value>2400500</value>')
  })

  it('refuses what it cannot tell exactly', async () => {
    const parts = []
    for await (const part of espiText(feed, streamOf([{ obis: '1-0:1.8.0', items: [item(0, '123456789012345678.5')] }]), []))
      parts.push(part)
    expect(parts.at(-1)).toMatchObject({ ok: false, error: { code: 'INTERCHANGE_VALUE' } })
  })

  it('breaks off at a failure', async () => {
    const fail = failWith({ STORE_OUT: { recovery: 'wait', hint: '' } })
    async function* broken() {
      yield* streamOf(registers.slice(0, 1))
      yield err(fail('STORE_OUT', 'gone').error)
    }
    const parts = []
    for await (const part of espiText(feed, broken(), months)) parts.push(part)
    expect(parts.at(-1)).toMatchObject({ ok: false, error: { code: 'STORE_OUT' } })
    expect(parts.some((part) => part.ok && part.value.includes('</feed>'))).toBe(false)
  })
})
