import { describe, expect, it } from 'vitest'
import { billingOf } from '../../src/config/index.ts'

const read = (file: Parameters<typeof billingOf>[0]) => {
  const wrong: string[] = []
  return { billing: billingOf(file, (path, message) => wrong.push(`${path.join('/')}: ${message}`)), wrong }
}
const table = (change: object = {}) => ({ id: 'homes', versions: [{ from: '2026-01-01', upTo: ['180', '280'] }], ...change })

describe('billing of gateway.yaml', () => {
  it('has the rules of the requirements where nothing is said, and no table', () => {
    expect(read(undefined)).toEqual({
      billing: {
        releaseEstimates: false,
        cycles: [],
        ...{ registers: ['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4', '2.8.0'], roles: ['customer', 'generation'], windowMs: 3_600_000 },
        tiers: { countFrom: 'registered', begunMonth: 'whole', allowance: 'to-date', tables: [] },
        keyAccounts: {
          ...{ monthlyKwh: '4000', inclusive: true, januaryDay: 5, checkDays: 7 },
          categories: ['government', 'military', 'media', 'hospital', 'school', 'hotel', 'state-project'],
        },
        reports: { keepYears: 10 },
      },
      wrong: [],
    })
  })
  it('fills in a table and puts its versions in order', () => {
    const versions = [
      { from: '2026-07-01', upTo: ['200'] },
      { from: '2026-01-01', upTo: ['180'] },
    ]
    expect(read({ tiers: { tables: [table({ zh: '居民', versions })] } }).billing.tiers.tables).toEqual([
      {
        ...{ id: 'homes', zh: '居民', en: 'homes', source: '', categories: ['residential'], zones: null, priceClasses: null },
        versions: [versions[1], versions[0]],
      },
    ])
  })
  it.each([
    [[table(), table()], 'billing/tiers/tables/1/id: is "homes", which is there twice'],
    [[table({ versions: [{ from: '2026-02-30', upTo: ['1'] }] })], 'versions/0/from: is "2026-02-30", which is no day'],
    [[table({ versions: [{ from: '2026-01-01', upTo: ['280', '180'] }] })], 'versions/0/upTo/1: is "180": each tier ends above'],
    [[table({ versions: [{ from: '2026-01-01', upTo: ['0'] }] })], 'versions/0/upTo/0: is "0"'],
    [
      [
        table({
          versions: [
            { from: '2026-01-01', upTo: ['1'] },
            { from: '2026-01-01', upTo: ['1'] },
          ],
        }),
      ],
      'versions/1/from: is "2026-01-01", from which another version',
    ],
    [
      [
        table({
          versions: [
            { from: '2026-01-01', upTo: ['1'] },
            { from: '2027-01-01', upTo: ['1', '2'] },
          ],
        }),
      ],
      'versions/1/upTo: has 3 tiers and the first version 2',
    ],
  ])('says what is wrong and where', (tables, message) => {
    expect(read({ tiers: { tables } }).wrong).toEqual([expect.stringContaining(message)])
  })

  it('reads billing cycles; each has a name of its own', () => {
    const cycles = [
      { id: 'rural', name: 'Rural', day: 5, zones: ['Z-2'], registers: ['1.8.0'] },
      { id: 'all', day: 1 },
    ]
    expect(read({ releaseEstimates: true, cycles }).billing).toMatchObject({
      releaseEstimates: true,
      cycles: [
        { id: 'rural', name: 'Rural', day: 5, zones: ['Z-2'], areas: null, registers: ['1.8.0'] },
        { id: 'all', name: 'all', day: 1, zones: null, areas: null, registers: null },
      ],
    })
    expect(
      read({
        cycles: [
          { id: 'a', day: 1 },
          { id: 'a', day: 2 },
        ],
      }).wrong,
    ).toEqual([expect.stringContaining('twice')])
  })
})
