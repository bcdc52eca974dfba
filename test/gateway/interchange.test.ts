import { describe, expect, it } from 'vitest'
import type { CimQuestion, EnergyQuestion, EnergyRegisterAnswer, MessageText } from '../../src/api/index.ts'
import { EVERYTHING, err, failWith, ok, QUALITY, type RangeQuery, type Reading, type ScanQuery, type Scope } from '../../src/core/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { type InterchangeParts, interchangeViews } from '../../src/gateway/interchange.ts'
import { pointOf, readingOf } from '../api/fake.ts'
import { complaintsOf, hasXmllint } from '../support/xmllint.ts'

const DAY = 86_400_000
const FROM = Date.parse('2026-08-01T00:00:00+08:00')
const TO = FROM + 2 * DAY
const fail = failWith({ STORE_OUT: { recovery: 'wait', hint: '' }, ENERGY_POINT: { recovery: 'skip', hint: '' } })

const POINTS = [pointOf('P-1', 'A-1'), pointOf('P-2', 'A-1'), pointOf('P-3', 'A-2')]
const register = (items: EnergyRegisterAnswer['items']): EnergyRegisterAnswer => ({
  ...{ register: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', total: null, known: 1, due: 1, estimatedPpm: 0, findings: [] },
  items,
})

/** A gateway of three points; what was asked of store and energy is written down. */
const gateway = (readings: readonly Reading[] = [], change: Partial<InterchangeParts> = {}) => {
  const scans: ScanQuery[] = []
  const ranges: RangeQuery[] = []
  const energies: { point: string; question: EnergyQuestion }[] = []
  const views = interchangeViews({
    points: {
      point: (id) => POINTS.find((one) => one.id === id) ?? null,
      list: ({ area }, after, limit) =>
        POINTS.filter((one) => (area === undefined || one.area === area) && (after === null || one.id > after)).slice(0, limit),
    },
    areas: () => [
      { id: 'A-1', zone: 'Z-1' },
      { id: 'A-2', zone: 'Z-2' },
    ],
    isZone: (id) => id.startsWith('Z-'),
    store: {
      range: async (query) => {
        ranges.push(query)
        return ok({ readings: readings.filter(({ series }) => series.tags.point === query.tags.point), next: null })
      },
      // A page a reading, and an empty one before the end.
      scan: async (query) => {
        scans.push(query)
        const at = Number(query.cursor ?? 0)
        const fitting = readings.filter(({ series }) => query.points?.has(series.tags.point ?? ''))
        return ok({ readings: fitting.slice(at, at + 1), next: at < fitting.length ? String(at + 1) : null })
      },
    },
    energy: {
      energy: async (point, question) => {
        energies.push({ point, question })
        const { from, to } = question
        const figure = { value: '1.50', quality: ['good'], reasons: [], estimatedPpm: 0, coveredPpm: 1_000_000, version: 1, evidence: null }
        return ok({ zone: 'Asia/Shanghai', pending: false, registers: [register([{ from, to, ...figure }])] })
      },
    },
    days: new EnergyDays('Asia/Shanghai'),
    clock: { now: () => TO },
    ...change,
  })
  return { views, scans, ranges, energies }
}

const question = (change: Partial<CimQuestion> = {}): CimQuestion => ({
  ...{ from: FROM, to: TO, contents: ['registers'], period: 'day', side: 'primary', format: 'xml' },
  ...change,
})
const textOf = async (made: ReturnType<ReturnType<typeof gateway>['views']['meterReadings']>) => {
  if (!made.ok) throw new Error(made.error.error.code)
  return whole(made.value)
}
const whole = async (parts: MessageText) => {
  let text = ''
  for await (const part of parts) {
    if (!part.ok) throw new Error(part.error.code)
    text += part.value
  }
  return text
}
const onlySees = (...ids: string[]): Scope => ({ all: false, sees: (kind, id) => kind !== 'point' || ids.includes(id) })
const names = (xml: string) => [...xml.matchAll(/<UsagePoint>.*?<name>([^<]*)</g)].map(([, name]) => name)

describe('MeterReadings of the gateway', () => {
  const readings = POINTS.map(({ id }) => readingOf(id, FROM))

  it('goes through the store as a whole, page by page, and is valid', async () => {
    const { views, scans } = gateway(readings)
    const xml = await textOf(views.meterReadings(question({ contents: ['registers', 'intervals'] }), EVERYTHING))
    expect(names(xml)).toEqual(['P-1', 'P-2', 'P-3', 'P-1', 'P-2', 'P-3'])
    expect(scans.map(({ cursor }) => cursor)).toEqual([undefined, '1', '2', '3'])
    if (hasXmllint()) expect(complaintsOf(xml, 'cim-meter-readings')).toBe('')
  })

  it('asks for one point by its range', async () => {
    const { views, scans, ranges } = gateway(readings)
    expect(names(await textOf(views.meterReadings(question({ points: ['P-2'] }), EVERYTHING)))).toEqual(['P-2'])
    expect([scans.length, ranges.map(({ tags }) => tags)]).toEqual([0, [{ point: 'P-2' }]])
  })

  it.each([
    [{ area: 'A-1' }, ['P-1', 'P-2']],
    [{ zone: 'Z-2' }, ['P-3']],
    [{ area: 'A-1', points: ['P-1', 'P-3'] }, ['P-1']],
    [{ zone: 'Z-9' }, []],
  ])('%j', async (more, points) => {
    const { views } = gateway(readings)
    expect(names(await textOf(views.meterReadings(question(more), EVERYTHING)))).toEqual(points)
  })

  it('has nothing that whoever asks does not see', async () => {
    const { views } = gateway(readings)
    expect(names(await textOf(views.meterReadings(question({ contents: ['registers', 'intervals'] }), onlySees('P-2', 'P-3'))))).toEqual([
      ...['P-2', 'P-3', 'P-2', 'P-3'],
    ])
    const nothing: Scope = { all: false, sees: () => false }
    for (const more of [{ points: ['P-1'] }, { area: 'A-1' }, { zone: 'Z-1' }, { points: ['nobody'] }, { area: 'nowhere' }])
      expect(views.meterReadings(question(more), nothing)).toMatchObject({ ok: false, error: { because: 'unknown' } })
    expect(names(await textOf(views.meterReadings(question(), nothing)))).toEqual([])
  })

  it('multiplies registers exactly, and not when the face is wanted', async () => {
    const { views } = gateway([{ ...readingOf('P-1', FROM), raws: [12_345_678, ...Array(11).fill(null)] }])
    const one = { points: ['P-1'] }
    expect(await textOf(views.meterReadings(question(one), EVERYTHING))).toContain('<value>4938271.20</value>')
    const face = await textOf(views.meterReadings(question({ ...one, side: 'displayed' }), EVERYTHING))
    expect(face).toContain('<value>123456.78</value>')
    expect(face).not.toContain('2.11.0')
    // A null without a reason is a column of other rows.
    expect(face.match(/<Readings>/g)).toHaveLength(1)
  })

  it('never hands out what was set aside, nor zero for what is absent', async () => {
    const absent = {
      ...readingOf('P-1', FROM),
      raws: [null, ...Array(11).fill(1)],
      absent: new Map([[0, 'DLT645_BCD']]),
      quality: QUALITY.partial,
    }
    const aside = readingOf('P-2', FROM, { quality: QUALITY.quarantined })
    const { views } = gateway([absent, aside])
    const first = await textOf(views.meterReadings(question({ points: ['P-1'] }), EVERYTHING))
    expect(/<Readings>(.*?)<\/Readings>/.exec(first)?.[1]).toMatch(/^(?!.*<value>).*DLT645_BCD.*2\.5\.259/)
    const second = await textOf(views.meterReadings(question({ points: ['P-2'] }), EVERYTHING))
    expect(second).not.toContain('<value>')
    expect(second).toContain('2.5.258')
  })

  it('asks interval energy in steps it answers', async () => {
    const { views, energies } = gateway()
    await textOf(
      views.meterReadings(question({ to: FROM + 70 * DAY, contents: ['intervals'], period: '15m', points: ['P-1'] }), EVERYTHING),
    )
    expect(energies.map(({ question: { from, to } }) => (to - from) / DAY)).toEqual([31, 31, 8])
  })

  it('says of each quarter hour that is not known that it is missing', async () => {
    const figure = { value: '1.50', quality: ['good'], reasons: [], estimatedPpm: 0, coveredPpm: 1_000_000, version: 1, evidence: null }
    const one = register([{ from: FROM + DAY, to: FROM + DAY + 900_000, ...figure }])
    const energy = { energy: async () => ok({ zone: 'Asia/Shanghai', pending: false, registers: [one] }) }
    const { views } = gateway([], { energy })
    const xml = await textOf(views.meterReadings(question({ contents: ['intervals'], period: '15m', points: ['P-1'] }), EVERYTHING))
    expect(xml.match(/<IntervalReadings>/g)).toHaveLength(192)
    expect(xml.match(/<value>/g)).toHaveLength(1)
    expect(xml.match(/ref="2\.5\.259"/g)).toHaveLength(191)
  })

  it('refuses more than a year, and ends with the failure of the store', async () => {
    const out = async () => err(fail('STORE_OUT', 'gone').error)
    const { views } = gateway([], { store: { range: out, scan: out } })
    expect(views.meterReadings(question({ to: FROM + 400 * DAY }), EVERYTHING)).toMatchObject({
      error: { error: { code: 'INTERCHANGE_RANGE' } },
    })
    await expect(textOf(views.meterReadings(question(), EVERYTHING))).rejects.toThrow('STORE_OUT')
  })
})

describe('Green Button of the gateway', () => {
  const asked = { from: FROM, to: TO, period: 'day', path: '/p/P-1' } as const
  const feedOf = async (made: Awaited<ReturnType<ReturnType<typeof gateway>['views']['usageFeed']>>) => {
    if (!made.ok) throw new Error(made.error.error.code)
    return whole(made.value)
  }

  it('lists what is seen', async () => {
    const { views } = gateway()
    expect((await views.usagePoints(EVERYTHING, null, 2)).map(({ id }) => id)).toEqual(['P-1', 'P-2'])
    expect((await views.usagePoints(onlySees('P-3'), null, 2)).map(({ id }) => id)).toEqual(['P-3'])
    expect((await views.usagePoints(EVERYTHING, 'P-2', 2)).map(({ id }) => id)).toEqual(['P-3'])
  })

  it('writes a valid feed', async () => {
    const { views } = gateway()
    const xml = await feedOf(await views.usageFeed('P-1', asked, EVERYTHING))
    expect(xml).toContain('<value>1500</value>')
    if (hasXmllint()) expect(complaintsOf(xml, 'atom')).toBe('')
  })

  it('begins when the customer became the customer', async () => {
    const { views, energies } = gateway()
    await feedOf(await views.usageFeed('P-1', asked, { ...onlySees('P-1'), since: () => FROM + DAY }))
    expect(energies.map(({ question: { from } }) => from)).toEqual([FROM + DAY, FROM + DAY])
    const later = await feedOf(await views.usageFeed('P-1', asked, { ...onlySees('P-1'), since: () => TO + DAY }))
    expect(later).not.toContain('<value>')
    expect(energies).toHaveLength(2)
  })

  it('does not know what is not seen', async () => {
    const { views } = gateway()
    for (const id of ['P-2', 'nobody'])
      expect(await views.usageFeed(id, asked, onlySees('P-1'))).toMatchObject({
        error: { because: 'unknown', error: { code: 'INTERCHANGE_POINT' } },
      })
    expect(await views.usageFeed('P-1', { ...asked, to: FROM + 400 * DAY }, EVERYTHING)).toMatchObject({
      error: { error: { code: 'INTERCHANGE_RANGE' } },
    })
  })

  it('adds quarter hours up to hours, exactly, and never over a hole', async () => {
    const figure = { quality: ['good'], estimatedPpm: 0, coveredPpm: 1_000_000, version: 1, evidence: null }
    const quarter = (at: number, value: string | null, reasons: readonly string[] = []) => ({
      ...{ from: FROM + at * 900_000, to: FROM + (at + 1) * 900_000, value, reasons, ...figure },
    })
    const quarters = register([
      ...[quarter(0, '0.1'), quarter(1, '0.02'), quarter(2, '0.003', ['split']), quarter(3, '1')],
      ...[quarter(4, '1'), quarter(5, null), quarter(6, '1'), quarter(7, '1'), quarter(8, '1')],
    ])
    const energy: InterchangeParts['energy'] = {
      energy: async (_, { period }) => ok({ zone: 'Asia/Shanghai', pending: false, registers: period === '15m' ? [quarters] : [] }),
    }
    const { views } = gateway([], { energy })
    const xml = await feedOf(await views.usageFeed('P-1', { ...asked, period: '1h' }, EVERYTHING))
    expect(xml.match(/<value>\d+<\/value>/g)).toEqual(['<value>1123</value>'])
    expect(xml).toContain('<quality>8</quality>')
    const cim = await textOf(views.meterReadings(question({ contents: ['intervals'], period: '1h', points: ['P-1'] }), EVERYTHING))
    expect(cim.match(/<value>[^<]*<\/value>/g)).toEqual(['<value>1.123</value>'])
    expect(cim.match(/<IntervalReadings>/g)).toHaveLength(48)
  })

  it('gives no half feed when energy fails', async () => {
    const energy = { energy: async () => err({ because: 'unavailable' as const, error: fail('STORE_OUT', 'gone').error }) }
    const { views } = gateway([], { energy })
    expect(await views.usageFeed('P-1', asked, EVERYTHING)).toMatchObject({ error: { because: 'unavailable' } })
  })
})
