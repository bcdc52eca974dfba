import { expect, it } from 'vitest'
import { encodeFrame } from '../../protocols/dlt645/frame.ts'
import { Calendar } from '../../src/acquisition/index.ts'
import {
  type Exchanged,
  err,
  type GatewayError,
  ok,
  type Reading,
  type Result,
  type Source,
  seriesOf,
  shapeOf,
  systemClock,
} from '../../src/core/index.ts'
import type { EvidenceDraft } from '../../src/evidence/index.ts'
import { withoutSecrets } from '../../src/gateway/evidence-clean.ts'
import { EvidenceKeeper } from '../../src/gateway/evidence-keeper.ts'

const MIDNIGHT = Date.parse('2026-11-21T00:00:00+08:00')
const MINUTE = 60_000
const shape = shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 }])

const reading = (source: Source, measuredAt: number, measurement: 'register' | 'instant' = 'register'): Reading => ({
  series: seriesOf(measurement, { meter: 'M1', point: 'P1', area: 'A1', source }),
  ...{ shape, raws: [100], scalers: null, absent: null, ratio: '1', measuredAt, receivedAt: measuredAt + 1000, quality: 0 },
})
const exchanged = (): Exchanged => ({
  protocol: 'modbus-tcp',
  selection: { kind: 'current' },
  parts: [{ at: 1, direction: 'rx', bytes: Uint8Array.of(1, 2, 3) }],
})
const ABOUT = { channel: 'l1', by: 'task t', receivedAt: 2 }

const keeper = (answer: () => Result<null> = () => ok(null), now = MIDNIGHT) => {
  const batches: (readonly EvidenceDraft[])[] = []
  const made = new EvidenceKeeper({
    ask: async (call, request) => {
      if (call === 'add' && Array.isArray(request)) batches.push(request)
      const result: Result<never> = answer() as Result<never>
      return result
    },
    calendar: new Calendar('Asia/Shanghai'),
    clock: { ...systemClock, now: () => now },
    settings: { windowMs: 60 * MINUTE, keepDays: 30, maxBytes: 1 << 30 },
  })
  return { keeper: made, batches }
}

it.each<[Source, number, boolean]>([
  ['day-freeze', 12 * 60, true],
  ['month-freeze', 12 * 60, true],
  ['live', 0, true],
  ['live', -60, true],
  ['live', 60, true],
  ['live', 61, false],
  ['live', -61, false],
  ['curve', 15, true],
  ['curve', 12 * 60, false],
  ['push', -30, true],
  ['push', 200, false],
])('%s measured %i minutes from midnight is kept: %s', (source, minutes, isKept) => {
  const { keeper: made } = keeper()
  expect(made.isKept(reading(source, MIDNIGHT + minutes * MINUTE))).toBe(isKept)
  if (isKept && source !== 'day-freeze' && source !== 'month-freeze')
    expect(made.isKept(reading(source, MIDNIGHT + minutes * MINUTE, 'instant'))).toBe(false)
})

it('frames of live reads are only held near midnight, on demand a register is kept at any time', () => {
  expect(keeper(undefined, MIDNIGHT + 30 * MINUTE).keeper.keepsFrames('live')).toBe(true)
  expect(keeper(undefined, MIDNIGHT + 12 * 60 * MINUTE).keeper.keepsFrames('live')).toBe(false)
  expect(keeper().keeper.isKept(reading('live', MIDNIGHT + 12 * 60 * MINUTE), true)).toBe(true)
  expect(keeper().keeper.isKept(reading('live', MIDNIGHT + 12 * 60 * MINUTE, 'instant'), true)).toBe(false)
})

it('readings of one exchange share its record, registers and instantaneous values are one reading', async () => {
  const { keeper: made, batches } = keeper()
  const one = exchanged()
  made.keepFrames([reading('live', MIDNIGHT), reading('live', MIDNIGHT, 'instant')], one, ABOUT)
  made.keepFrames([reading('curve', MIDNIGHT)], one, ABOUT)
  made.keepFrames([reading('live', MIDNIGHT + 12 * 60 * MINUTE)], exchanged(), ABOUT)
  await made.flush()
  expect(batches.flat().map(({ of, by }) => [by, of.map(({ source }) => source)])).toEqual([['task t', ['live', 'curve']]])
  expect([made.kept, made.lost]).toEqual([2, 0])
})

it('what cannot be kept waits, is tried again, and beyond its bounds is counted: nobody waits for it', async () => {
  const error: GatewayError = { code: 'EVIDENCE_FILE', message: 'full', recovery: 'wait', hint: '', context: {} }
  let fails = true
  const { keeper: made } = keeper(() => (fails ? err(error) : ok(null)))
  for (let at = 0; at < 20_003; at++) made.keepFrames([reading('live', MIDNIGHT + at)], exchanged(), ABOUT)
  expect([made.waiting, made.lost]).toEqual([20_000, 3])
  await made.flush()
  expect(made.why).toMatch(/EVIDENCE_FILE/)
  fails = false
  made.why = null
  await made.flush()
  expect([made.kept, made.waiting, made.why]).toEqual([20_000, 0, null])
})

it('a password in a frame is put out before it is kept, and named', () => {
  const data = Uint8Array.of(0x01, 0x04, 0x00, 0x04, 0x02, 0x11, 0x22, 0x33, 1, 0, 0, 0, 1, 2, 3)
  const bytes = encodeFrame({ address: '000000000012', control: 0x14, data })
  const draft: EvidenceDraft = {
    ...{ kind: 'frame', channel: 'l', protocol: 'dlt645-2007', about: '', by: '', receivedAt: 0, selection: null, of: [] },
    parts: [{ at: 0, direction: 'tx', bytes }],
  }
  const [part] = withoutSecrets(draft).parts
  expect(part?.hidden?.length).toBeGreaterThan(0)
  expect(Buffer.from(part?.bytes ?? []).includes(Buffer.from([0x44, 0x55, 0x66]))).toBe(false)
  expect(Buffer.from(bytes).includes(Buffer.from([0x44, 0x55, 0x66]))).toBe(true)
})
