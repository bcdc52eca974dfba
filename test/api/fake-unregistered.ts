import type { UnregisteredCounts, UnregisteredDeps, UnregisteredDetail } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const AT = Date.parse('2026-08-14T08:00:00Z')
const fail = failWith({
  STRANGER_UNKNOWN: { recovery: 'skip', hint: 'look at the list' },
  STRANGER_STATE: { recovery: 'skip', hint: 'look again' },
})

export const unregisteredOf = (id: number, change: Partial<UnregisteredDetail> = {}): UnregisteredDetail => ({
  ...{ id, channel: 'plant', by: 'broker', address: `stranger ${id}`, protocol: 'mqtt', profile: 'mqtt/tasmota', state: 'open' },
  ...{ firstSeen: AT, lastSeen: AT + 3_600_000, sightings: 5, readings: 4, suggestedArea: 'A-1', dueAt: AT + 86_400_000, overdue: true },
  register: { obis: '1-0:1.8.0', value: '12.50', unit: 'kWh', at: AT },
  ...{ closed: null, adopted: null, history: [{ at: AT, what: 'seen', who: 'gateway', why: '' }] },
  ...change,
})

export const UNREGISTERED_COUNTS: UnregisteredCounts = { open: 3, overdue: 2, adopted: 1, closed: 4, refused: 7 }

export const fakeUnregistered = (): UnregisteredDeps => {
  const all = [
    unregisteredOf(1),
    unregisteredOf(2, { overdue: false }),
    unregisteredOf(3, { channel: 'line-1', by: 'line', state: 'closed' }),
  ]
  const found = (id: number) => all.find((one) => one.id === id) ?? null
  const unknown = () => err({ because: 'unknown' as const, error: fail('STRANGER_UNKNOWN', 'there is none').error })
  return {
    unregistered: ({ state, channel, overdue, text }, after, limit) =>
      all
        .filter(
          (one) => one.id > after && (state === undefined || one.state === state) && (channel === undefined || one.channel === channel),
        )
        .filter((one) => (overdue === undefined || one.overdue === overdue) && (text === undefined || one.address.includes(text)))
        .slice(0, limit),
    unregisteredOne: found,
    adoptUnregistered: async (id, { meter, point, from = AT }, who) => {
      const one = found(id)
      return one
        ? ok({ ...one, state: 'adopted', dueAt: null, adopted: { at: AT, by: who, meter, point, from, attached: 0, complete: false } })
        : unknown()
    },
    closeUnregistered: (id, { why, who, forever }) => {
      const one = found(id)
      if (!one) return unknown()
      if (one.state !== 'open') return err({ because: 'not-possible' as const, error: fail('STRANGER_STATE', 'it is closed').error })
      return ok({ ...one, state: 'closed', dueAt: null, overdue: false, closed: { at: AT, by: who, why, forever } })
    },
    unregisteredStatement: async (id, obis) =>
      found(id)
        ? ok({
            ...{ obis, unit: 'kWh', used: '12.50', readings: 2 },
            months: [
              { month: '2026-08', first: { at: AT, value: '1.00' }, last: { at: AT, value: '13.50' }, used: '12.50', missing: [] },
              { month: '2026-09', first: null, last: null, used: null, missing: ['no reading in this month'] },
            ],
          })
        : unknown(),
  }
}
