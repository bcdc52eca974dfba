import { describe, expect, it } from 'vitest'
import { type CodePeriod, mridOf, readingCodeOf } from '../../src/interchange/index.ts'

const codeOf = (obis: string, period: CodePeriod = null) => {
  const code = readingCodeOf(obis, period)
  return code && mridOf(code)
}

describe('reading types', () => {
  it.each([
    // Codes as public interfaces show them: bulk quantity, delta data, daily, monthly, instantaneous.
    ['1-0:1.8.0', null, '0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0'],
    ['1-0:2.8.0', null, '0.0.0.1.19.1.12.0.0.0.0.0.0.0.0.3.72.0'],
    ['1.8.2', null, '0.0.0.1.1.1.12.0.0.0.0.2.0.0.0.3.72.0'],
    ['1-0:1.8.0', '15m', '0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0'],
    ['1-0:1.8.0', '1h', '0.0.7.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0'],
    ['1-0:1.8.0', 'day', '11.0.0.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0'],
    ['1-0:2.8.0', 'month', '13.0.0.4.19.1.12.0.0.0.0.0.0.0.0.3.72.0'],
    ['1-0:3.8.0', null, '0.0.0.1.5.1.12.0.0.0.0.0.0.0.0.3.73.0'],
    ['1-0:6.8.0', null, '0.0.0.1.16.1.12.0.0.0.0.0.0.0.0.3.73.0'],
    ['1-0:9.8.0', null, '0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.71.0'],
    ['1-0:21.8.0', null, '0.0.0.1.1.1.12.0.0.0.0.0.0.0.128.3.72.0'],
    ['1-0:1.6.1', null, '0.8.0.6.1.1.8.0.0.0.0.1.0.0.0.3.38.0'],
    ['1-0:16.7.0', null, '0.0.0.12.4.1.37.0.0.0.0.0.0.0.0.3.38.0'],
    ['1-0:56.7.0', null, '0.0.0.12.4.1.37.0.0.0.0.0.0.0.64.3.38.0'],
    ['1-0:131.7.0', null, '0.0.0.12.4.1.37.0.0.0.0.0.0.0.0.3.63.0'],
    ['1-0:191.7.0', null, '0.0.0.12.4.1.37.0.0.0.0.0.0.0.32.3.63.0'],
    ['1-0:32.7.0', null, '0.0.0.12.0.1.54.0.0.0.0.0.0.0.129.0.29.0'],
    ['1-0:71.7.0', null, '0.0.0.12.0.1.4.0.0.0.0.0.0.0.32.0.5.0'],
    ['1-0:91.7.0', null, '0.0.0.12.0.1.4.0.0.0.0.0.0.0.16.0.5.0'],
    ['1-0:13.7.0', null, '0.0.0.12.0.1.38.0.0.0.0.0.0.0.0.0.65.0'],
    ['1-0:14.7.0', null, '0.0.0.12.0.1.15.0.0.0.0.0.0.0.0.0.33.0'],
  ] as const)('%s per %s is %s', (obis, period, code) => expect(codeOf(obis, period)).toBe(code))

  it.each(['0-0:96.1.0', '1-1:1.8.0', '8-0:1.8.0', '1-0:81.7.26', '1-0:32.7.124', '1-0:32.8.0', '1-0:99.99.0', 'due', ''])(
    '%s has none',
    (obis) => expect(codeOf(obis)).toBeNull(),
  )

  it('gives no interval to what is no energy', () => {
    expect(codeOf('1-0:1.6.0', 'day')).toBeNull()
    expect(codeOf('1-0:32.7.0', '15m')).toBeNull()
  })

  it('never gives one code to two registers a meter has', () => {
    const obis = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16].flatMap((c) =>
      [0, 20, 40, 60].flatMap((phase) => [0, 1, 2].map((e) => `1-0:${c + phase}.8.${e}`)),
    )
    const codes = obis.flatMap((one) => codeOf(one) ?? [])
    expect(codes).toHaveLength(obis.length)
    expect(new Set(codes).size).toBe(codes.length)
  })
})
