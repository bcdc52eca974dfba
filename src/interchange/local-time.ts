/** Local time of a zone as Green Button tells it: offset without summer time, and when summer time begins and ends. */
export interface LocalTime {
  /** Seconds east of UTC, without summer time. */
  readonly tzOffset: number
  /** Seconds summer time adds; 0 = there is none. */
  readonly dstOffset: number
  /** Rules of espi.xsd (DstRuleType), eight hexadecimal digits; FFFFFFFF = none. */
  readonly dstStartRule: string
  readonly dstEndRule: string
}

const DAY_MS = 86_400_000
const NO_RULE = 'FFFFFFFF'

/** Seconds east of UTC at an instant. */
const offsetOf = (format: Intl.DateTimeFormat, at: number): number => {
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Math.round((Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000) / 1000)
}

/**
 * Local time of a zone in a year.
 *
 * @param zone  IANA name that the platform knows
 * @source      NAESB REQ.21, espi.xsd: LocalTimeParameters and DstRuleType
 */
export const localTimeOf = (zone: string, year: number): LocalTime => {
  const format = new Intl.DateTimeFormat('en-US-u-hc-h23', {
    ...{ timeZone: zone, year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  })
  const changes: { readonly at: number; readonly before: number; readonly after: number }[] = []
  const first = Date.UTC(year, 0, 1)
  let before = offsetOf(format, first)
  for (let day = first + DAY_MS; day <= Date.UTC(year + 1, 0, 1); day += DAY_MS) {
    const after = offsetOf(format, day)
    if (after !== before) changes.push({ at: changeBetween(format, day - DAY_MS, day), before, after })
    before = after
  }
  const begin = changes.find((change) => change.after > change.before)
  const end = changes.find((change) => change.after < change.before)
  // A zone that changed its offset once has moved for good: no rule repeats it.
  if (!begin || !end || changes.length !== 2) return { tzOffset: before, dstOffset: 0, dstStartRule: NO_RULE, dstEndRule: NO_RULE }
  return {
    tzOffset: end.after,
    dstOffset: begin.after - end.after,
    dstStartRule: ruleOf(begin.at + begin.before * 1000),
    dstEndRule: ruleOf(end.at + end.before * 1000),
  }
}

/** The instant between two at which the offset becomes another, to the second. */
const changeBetween = (format: Intl.DateTimeFormat, from: number, to: number): number => {
  const was = offsetOf(format, from)
  let [low, high] = [from, to]
  while (high - low > 1000) {
    const middle = low + Math.floor((high - low) / 2000) * 1000
    if (offsetOf(format, middle) === was) low = middle
    else high = middle
  }
  return high
}

/** A wall-clock instant as the rule that names it every year: the n-th or last weekday of its month. */
const ruleOf = (wall: number): string => {
  const at = new Date(wall)
  const day = at.getUTCDate()
  const daysOfMonth = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0)).getUTCDate()
  const operator = day + 7 > daysOfMonth ? 7 : 2 + Math.floor((day - 1) / 7)
  const weekday = at.getUTCDay() === 0 ? 7 : at.getUTCDay()
  const seconds = at.getUTCMinutes() * 60 + at.getUTCSeconds()
  // Arithmetic instead of shifts: bit 31 is in use in December.
  const rule = seconds + at.getUTCHours() * 2 ** 12 + weekday * 2 ** 17 + operator * 2 ** 25 + (at.getUTCMonth() + 1) * 2 ** 28
  return rule.toString(16).toUpperCase().padStart(8, '0')
}
