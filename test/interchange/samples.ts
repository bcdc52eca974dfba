import { ok, QUALITY, type Result } from '../../src/core/index.ts'
import type { CimPiece, CimValue } from '../../src/interchange/index.ts'

export const AT = Date.parse('2026-11-01T00:00:00+08:00')
export const HOUR = 3_600_000

export const sampleOf = (change: Partial<CimValue> = {}): CimValue => ({
  ...{ obis: '1-0:1.8.0', value: '123456.78', made: null, absent: null, quality: 0, source: 'day-freeze' },
  ...{ measuredAt: AT, receivedAt: AT + 61_000 },
  ...change,
})

/** One of everything that can stand in a message. */
export const pieces = (): CimPiece[] => [
  {
    ...{ point: 'P-12', meter: 'M & "1" <2>', energies: [] },
    values: [
      sampleOf(),
      sampleOf({ obis: '1-0:1.8.1', value: '4938271.20', made: '123456.78 x 40' }),
      sampleOf({ obis: '1-0:2.8.0', value: null, absent: 'DLT645_BCD', quality: QUALITY.partial }),
      sampleOf({ obis: '1-0:3.8.0', value: '99999999.99', quality: QUALITY.quarantined }),
      sampleOf({ obis: '1-0:1.6.0', value: '12.3456', quality: QUALITY.manual, source: 'manual' }),
      sampleOf({ obis: '1-0:32.7.0', value: '230.1', quality: QUALITY.clockDoubtful, source: 'live' }),
      sampleOf({ obis: '1-0:1.8.0', value: '123460.00', quality: QUALITY.estimated, source: 'estimated', measuredAt: AT + HOUR }),
      sampleOf({ obis: '0-0:96.1.0', value: '1' }),
    ],
  },
  {
    ...{ point: '电表\u0007', meter: null, values: [] },
    energies: [
      {
        ...{ obis: '1-0:1.8.0', period: '1h' },
        items: [
          { from: AT, to: AT + HOUR, value: '0.80', quality: ['good'], reasons: [] },
          { from: AT + HOUR, to: AT + 2 * HOUR, value: null, quality: [], reasons: ['missing'] },
          { from: AT + 2 * HOUR, to: AT + 3 * HOUR, value: '0.00', quality: ['good'], reasons: ['split'] },
        ],
      },
    ],
  },
  { point: 'P-13', meter: 'M-13', values: [], energies: [] },
]

export async function* streamOf<T>(items: readonly T[]): AsyncGenerator<Result<T>> {
  for (const item of items) yield ok(item)
}

/** A whole message as one text. */
export const whole = async (parts: AsyncIterable<Result<string>>): Promise<string> => {
  let text = ''
  for await (const part of parts) {
    if (!part.ok) throw new Error(part.error.message)
    text += part.value
  }
  return text
}
