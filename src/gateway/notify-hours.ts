import { Temporal } from 'temporal-polyfill'

/** Minutes since local midnight. @param zone  IANA */
export const minuteOfDay = (time: number, zone: string): number => {
  const { hour, minute } = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(zone)
  return hour * 60 + minute
}
