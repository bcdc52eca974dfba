import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readingJson } from '../../src/api/index.ts'
import { readingTexts } from '../../src/api/reading-json.ts'
import { seriesOf } from '../../src/core/index.ts'
import { api, asReader, field, NOW, readingOf } from './fake.ts'

const hintOf = () => 'a "hint"'

describe('the newest readings of many points', () => {
  it('are the same text that their JSON would be', () => {
    fc.assert(
      fc.property(
        fc.record({
          raws: fc.array(fc.oneof(fc.constant(null), fc.integer(), fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })), {
            minLength: 12,
            maxLength: 12,
          }),
          ratio: fc.constantFrom('1', '40', '1.5', '80.00', 'odd'),
          quality: fc.integer({ min: 0, max: 127 }),
          meter: fc.string(),
          measurement: fc.constantFrom('register', 'instant', 'event'),
          wanted: fc.constantFrom(null, new Set(['1-0:1.8.0', '1-0:3.8.0'])),
        }),
        ({ raws, ratio, quality, meter, measurement, wanted }) => {
          const reading = readingOf('P-1', NOW, {
            raws,
            ratio,
            quality,
            series: seriesOf(measurement, { meter, point: 'P-1', area: 'A', source: 'live', code: 'open "cover"' }),
          })
          const view = { wanted, hintOf }
          expect(readingTexts(view)(reading)).toBe(JSON.stringify(readingJson(reading, view)))
        },
      ),
    )
  })
  it('come in one answer, all of them, also when they are more than are written in one go', async () => {
    const { points, readings } = field()
    const many = Array.from({ length: 1234 }, (_, at) => ({ ...points[0]!, id: `P-${String(at).padStart(5, '0')}` }))
    const { app } = await api({
      points: (_, after, limit) => many.filter(({ id }) => after === null || id > after).slice(0, limit),
      latest: (id) => [
        { ...readings.get('P-001')![0]!, series: seriesOf('register', { meter: `M-${id}`, point: id, area: 'A', source: 'live' }) },
      ],
    })
    const get = async (query: string) => (await app.inject({ url: `/api/v1/latest?${query}`, headers: asReader })).json()
    const whole = await get('limit=20000&registers=1.8.0')
    expect([whole.items.length, whole.next]).toEqual([1234, null])
    expect(whole.items[1233]).toMatchObject({ point: 'P-01233', readings: [{ meter: 'M-P-01233', values: [{ obis: '1-0:1.8.0' }] }] })
    const page = await get('limit=700')
    expect(page.items).toHaveLength(700)
    const rest = await get(`limit=700&cursor=${page.next}`)
    expect([rest.items[0].point, rest.items.length, rest.next]).toEqual(['P-00700', 534, null])
    expect(rest.items[0].readings[0].values).toHaveLength(12)
  })
  it('are told anew when one of them is newer, other registers are asked for or the point has another name', async () => {
    const { points } = field()
    let point = { ...points[0]!, id: 'P-1', name: 'first' }
    let readings = [readingOf('P-1', NOW)]
    const { app } = await api({ points: (_, after) => (after === null ? [point] : []), latest: () => readings })
    const get = async (query: string) => (await app.inject({ url: `/api/v1/latest?${query}`, headers: asReader })).json().items[0]
    const before = await get('registers=1.8.0')
    expect(await get('registers=1.8.0')).toEqual(before)
    expect((await get('registers=2.8.0')).readings[0].values).toMatchObject([{ obis: '1-0:2.8.0' }])
    expect(await get('registers=1.8.0')).toEqual(before)
    point = { ...point, name: 'second', area: 'A-9' }
    expect(await get('registers=1.8.0')).toEqual({ ...before, name: 'second', area: 'A-9' })
    readings = [readingOf('P-1', NOW + 900_000)]
    expect((await get('registers=1.8.0')).readings[0].measuredAt).toBe(new Date(NOW + 900_000).toISOString())
  })
})
