import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import {
  err,
  type GatewayError,
  nothingPushed,
  type PushMessage,
  type PushOutcome,
  type Reading,
  type Result,
} from '../../src/core/index.ts'
import { PushIntake } from '../../src/gateway/push-intake.ts'
import { PushMeters } from '../../src/gateway/push-meters.ts'
import { openArrivals, openDevices, openLetters } from '../../src/push/index.ts'
import { mqttConfig } from '../support/mqtt-config.ts'
import { scratch } from '../support/processes.ts'

const T = Date.UTC(2026, 0, 1)
const UNFIT: GatewayError = { code: 'OUTBOX_READING', message: 'it has 0.5', context: {}, recovery: 'skip', hint: 'report it' }
const ok: Result<void> = { ok: true, value: undefined }

const opened = async (put: (readings: readonly Reading[]) => Promise<Result<void>>) => {
  const directory = scratch()
  const devices = await openDevices({ path: join(directory, 'devices.json'), after: () => () => {}, say: () => {} })
  const arrivals = await openArrivals({ path: join(directory, 'arrivals') })
  const letters = await openLetters({ path: join(directory, 'letters') })
  if (!arrivals.ok || !letters.ok) throw new Error('cannot be opened')
  onTestFinished(async () => {
    await Promise.all([devices.close(), arrivals.value.close(), letters.value.close()])
  })
  const config = mqttConfig({ id: 'push' })
  const log = () => {}
  const meters = new PushMeters({ config, facts: [], points: new Map(), devices, log })
  const intake = new PushIntake({
    ...{ id: 'push', meters, devices, put, log, arrivals: arrivals.value, letters: letters.value },
    turnedAway: () => UNFIT,
    lookUp: async () => ({ ok: true, value: null }),
    newest: () => undefined,
  })
  return { intake, letters: letters.value }
}

const message = (meter: string, more: Partial<PushMessage> = {}): PushMessage => ({
  topic: `site/${meter}/json`,
  payload: Buffer.from('{}'),
  ...{ retained: false, duplicate: false, arrivedAt: T + 1000 },
  ...more,
})
const outcome = (meter: string, raw: number): PushOutcome => ({
  ...nothingPushed,
  rule: 'site-json/one',
  records: [
    {
      ...{ meter, measuredAt: T, timeSource: 'payload-epoch-s', alternative: null, flags: [], ct: null, pt: null, historical: false },
      values: [
        {
          ...{ path: '$.kwh', text: String(raw), isText: false, unit: 'kWh', obis: '1-0:1.8.0', ratio: 'none' },
          value: { raw, scaler: 0 },
        },
      ],
    },
  ],
})

it('one reading that can never be kept keeps no other out, and its message goes to the refused ones', async () => {
  const kept: Reading[] = []
  const { intake, letters } = await opened(async (readings) => {
    if (readings.some(({ raws }) => raws.includes(666))) return err(UNFIT)
    kept.push(...readings)
    return ok
  })
  const all = await Promise.all([
    intake.take(message('a'), outcome('a', 1), 'g1 1'),
    intake.take(message('b'), outcome('b', 666), 'g1 2'),
    intake.take(message('c'), outcome('c', 3), 'g1 3'),
  ])
  expect(all.map((error) => error?.code ?? null)).toEqual([null, 'OUTBOX_READING', null])
  expect(kept.map(({ series, raws }) => [series.tags.meter, ...raws])).toEqual([
    ['push/a', 1],
    ['push/c', 3],
  ])
  // The broker was not told that it is safe: it sends it again.
  expect(await intake.take(message('b', { duplicate: true }), outcome('b', 666), 'g1 2')).toBeNull()
  expect(letters.list({ after: 0, limit: 10 }).map(({ topic, error }) => [topic, error.code])).toEqual([['site/b/json', 'OUTBOX_READING']])
})

it('a store that fails is asked again by the next delivery, and nothing of the failed one is taken for stored', async () => {
  const full: GatewayError = { ...UNFIT, code: 'OUTBOX_FULL', recovery: 'wait' }
  let isFull = true
  const kept: Reading[] = []
  const { intake, letters } = await opened(async (readings) => {
    if (isFull) return err(full)
    kept.push(...readings)
    return ok
  })
  const [first, repeat] = await Promise.all([
    intake.take(message('a'), outcome('a', 1), 'g1 1'),
    intake.take(message('a'), outcome('a', 1), 'g1 2'),
  ])
  expect([first?.code, repeat?.code]).toEqual(['OUTBOX_FULL', 'OUTBOX_FULL'])
  isFull = false
  expect(await intake.take(message('a', { duplicate: true }), outcome('a', 1), 'g1 1')).toBeNull()
  expect(kept.map(({ raws }) => raws)).toEqual([[1]])
  expect(letters.list({ after: 0, limit: 10 })).toEqual([])
})
