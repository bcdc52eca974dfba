import { BUS_UNBALANCE } from './loss-limits.ts'
import type { RuleSpec } from './rule.ts'

const number = (value: number, op: '>' | '>=', unit: string, max: number, zh: string, en: string, source: string) => ({
  ...{ value, op, unit, min: 0, max, meaning: { zh, en }, source },
})

/** Rules of what the rooms of the gateway know by themselves, without looking at a window of an area. They need no detector. */
export const HOUSE_RULES = {
  clock: {
    id: 'clock-read',
    version: 1,
    title: { zh: '时钟读数超差', en: 'a clock that was read is off' },
    thresholds: {
      minutes: number(5, '>', 'min', 1440, '时钟偏差', 'offset of the clock', 'DL/T 448 practice: beyond 5 min a meter clock has failed'),
    },
  },
  stranger: {
    id: 'unregistered-meter',
    version: 1,
    title: { zh: '未建档电能表', en: 'a meter that is not in the ledger' },
    thresholds: {
      sightings: number(1, '>=', '', 1000, '出现次数', 'times it was heard', 'a meter that answers is reported on its first day'),
    },
  },
  exchange: {
    id: 'exchange-unacknowledged',
    version: 1,
    title: { zh: '换表未经营销确认', en: 'an exchange that billing has not acknowledged' },
    thresholds: {
      days: number(1, '>', 'd', 90, '换表后天数', 'days since the exchange', 'one working day, as for every new meter'),
    },
  },
  keyAccount: {
    id: 'key-account-unread',
    version: 1,
    title: { zh: '重点客户逾期未核抄', en: 'a key account that was not read in time' },
    thresholds: {
      days: number(7, '>=', 'd', 31, '无合格读数天数', 'days without a good reading', 'every key account is read and checked once a week'),
    },
  },
} as const satisfies Record<string, RuleSpec>

/** Names of these rules: a verdict of the detectors says nothing about them, and one of theirs about nothing else. */
export const HOUSE_RULE_IDS: ReadonlySet<string> = new Set([...Object.values(HOUSE_RULES), BUS_UNBALANCE].map(({ id }) => id))
