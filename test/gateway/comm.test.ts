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
