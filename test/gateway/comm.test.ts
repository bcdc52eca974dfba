import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ok, type Reading } from '../../src/core/index.ts'
import { CommStatistics, type CountedSource } from '../../src/gateway/comm.ts'
import { newDevice, type PushDevice } from '../../src/push/device.ts'
import { close, directory, openHere } from '../outbox/support.ts'

const AT = Date.UTC(2026, 7, 15)
const ONE = { raw: 1, scaler: 0 }
const COUNTS = {
  ...{ used: 0, asides: {}, refused: 3, readings: 2, values: 0, duplicates: 4, conflicts: 6, late: 5, unmapped: 0 },
  ...{ answers: 0, lastMessageAt: null },
}

/** The rows of a period in which one registered meter sent seven messages and said how well it is heard. */
const rowsOf = (figures: Readonly<Record<string, number>>): readonly Reading[] => {
  const before = newDevice('em-1', { at: AT, topic: 't', rule: null, retained: false, isRegistered: true })
  const heard = { ...before, messages: 7, values: 9, duplicates: 1, late: 2, conflicts: 3, signal: { at: AT, figures } }
  let devices: readonly PushDevice[] = [before]
  const source: CountedSource = {
    config: { id: 'plant' },
    devices: { list: () => devices },
    meterOf: (address) => (address === 'em-1' ? { meter: 'M1', point: 'P1', area: 'A1', ct: ONE, pt: ONE } : null),
    counts: () => COUNTS,
    state: () => null,
  }
  const statistics = new CommStatistics({ lines: [], terminal: () => null }, { sources: [source] }, 0)
  devices = [heard]
  return statistics.take(AT, 900_000)
}

/** A row by its columns; an absent one shows why. */
const shown = ({ series, shape, raws, absent }: Reading) => ({
  id: series.tags.id,
  ...Object.fromEntries(shape.columns.map(({ field }, at) => [field, raws[at] ?? absent?.get(at) ?? 'no reason'])),
})

it('has one row for a meter and one for its broker, with what the period added', () => {
  expect(rowsOf({ dBm: -67.5, percent: 64 }).map(shown)).toEqual([
    {
      ...{ id: 'M1', messages: 7, values: 9, duplicates: 1, late: 2, conflicts: 3 },
      ...{ dbm: -6750, percent: 6400, rssi: 'MQTT_ABSENT', snr: 'MQTT_ABSENT', linkquality: 'MQTT_ABSENT' },
    },
    { id: 'plant', messages: 0, readings: 2, refused: 3, duplicates: 4, late: 5, conflicts: 6, reconnects: 0 },
  ])
})

it.each([1e308, -1e308, 1e14, Number.POSITIVE_INFINITY, Number.NaN])(
  'leaves out %d, which no column can hold, and keeps the rest',
  (dBm) => {
    expect(rowsOf({ dBm, snr: 9.25 }).map(shown)[0]).toMatchObject({ messages: 7, dbm: 'MQTT_ABSENT', snr: 925 })
  },
)

it('makes rows that the outbox takes, whatever a device says of its signal', async () => {
  const opened = await openHere(directory(), [])
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom('dBm', 'percent', 'rssi', 'snr', 'linkquality'), fc.double()), async (figures) => {
      const put = opened.outbox.put(rowsOf(figures))
      await opened.hands.pass(10)
      expect(await put).toEqual(ok(undefined))
    }),
    { numRuns: 50 },
  )
  await close(opened)
})

it('has a row for a concentrator: how long it was there, heartbeats that were due, and how it answered', () => {
  const figures = {
    ...{ logins: 2, heartbeats: 10, reports: 1, requests: 20, answered: 18, noReply: 2, refused: 0, damagedBytes: 0 },
    ...{ strangers: 0, latencySumMs: 3600, bytesIn: 0, bytesOut: 0 },
  }
  const terminals = {
    all: () => [
      { id: 'C-1', area: 'A1', heartbeatMs: 60_000 },
      { id: 'C-2', area: '', heartbeatMs: 60_000 },
    ],
    figures: (id: string) => (id === 'C-1' ? figures : null),
    onlineMs: (id: string) => (id === 'C-1' ? 675_000 : 0),
    takeovers: () => 0,
  }
  const statistics = new CommStatistics({ lines: [], terminal: () => null }, { sources: [] }, 0, terminals)
  const nothing = { due: 0, read: 0, first_try: 0, missed: 0, refused: 0, takeovers: 0 }
  expect(statistics.take(AT, 900_000).map(shown)).toEqual([
    {
      ...{ ...nothing, id: 'C-1', exchanges: 20, answered: 18, no_reply: 2, heartbeats: 10, expected: 15, logins: 2, reports: 1 },
      ...{ online: 7500, latency: 200_000 },
    },
    {
      ...{ ...nothing, id: 'C-2', exchanges: 0, answered: 0, no_reply: 0, heartbeats: 0, expected: 15, logins: 0, reports: 0 },
      ...{ online: 0, latency: 'LINE_NO_REPLY' },
    },
  ])
})
