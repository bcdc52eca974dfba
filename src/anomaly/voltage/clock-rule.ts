import type { Finding } from '../finding.ts'
import type { MeterColumns } from '../frame.ts'
import { findingOf, keyOf, limitsOf, round, rule, say, sayWhen, threshold } from '../meter/shared.ts'
import type { AreaView, DataDoubt, Detected, Detector } from '../view.ts'
import { type ClockFault, clockCourses, clockFaultOf } from './clocks.ts'
import type { DayLag } from './lags.ts'
import { median } from './linear.ts'
import { membersOf } from './members.ts'

const RULE = rule({
  id: 'clock-drift',
  version: 1,
  title: { zh: '电能表时钟偏差', en: 'clock of a meter off' },
  thresholds: {
    jumpMinutes: threshold(
      15,
      '>=',
      'min',
      [10, 120],
      { zh: '连续两个窗口的电压时差', en: 'lag of the voltage in two windows in a row' },
      'one reading interval; one day tells the lag to ± 4 min (99 %), so two days in a row are beyond chance',
    ),
    slowMinutes: threshold(
      10,
      '>=',
      'min',
      [5, 60],
      { zh: '连续两周的电压时差', en: 'lag of the voltage in two weeks in a row' },
      'twice the 5 min at which a clock that is read fails (DL/T 448 practice); a week tells the lag to ± 3 min (99 %)',
    ),
  },
})

/** Whether the newest two estimates of a course say that the clock is right. */
const isInTime = (lags: readonly DayLag[], minutes: number): boolean => {
  const told = lags.filter((one) => !Number.isNaN(one.minutes)).slice(-2)
  return told.length === 2 && told.every((one) => Math.abs(one.minutes) < minutes)
}

/** Share of the meters that can be told, which must be late together for the gateway's own clock to be the one that is off, and how many at least. */
const MOST = 0.5
const FEWEST = 4

/** Clock of a meter (时钟偏差) by the lag of its voltage behind the gateway's. Positive = the meter's clock is ahead. */
export const clockDrift: Detector = {
  rule: RULE,
  detect: (view): Detected => {
    const { frame } = view
    const limit = limitsOf(view, RULE)
    const limits = { jumpMinutes: limit('jumpMinutes'), slowMinutes: limit('slowMinutes') }
    const here = new Set(membersOf(view).map(({ fact }) => fact.id))
    const courses = clockCourses(
      frame,
      frame.meters.filter(({ fact }) => here.has(fact.id)),
      view.phases,
    )
    const faults = courses.flatMap((course) => {
      const fault = clockFaultOf(course, frame.days.length, limits)
      return fault ? [{ meter: course.meter, fault }] : []
    })
    const [gateway] = frame.gateways
    const standing = faults.filter(({ fault }) => fault.to === null)
    const shared = median(standing.map(({ fault }) => fault.minutes))
    const alike = standing.filter(({ fault }) => Math.abs(fault.minutes - shared) < limits.slowMinutes)
    // Who is in time votes against; a meter whose last days tell nothing has no vote.
    const inTime = courses.filter(({ lags }) => isInTime(lags, limits.slowMinutes)).length
    if (gateway && alike.length >= FEWEST && alike.length > MOST * (alike.length + inTime)) {
      const [first] = alike
      if (!first) return { findings: [] }
      const fault = {
        ...first.fault,
        minutes: -shared,
        steps: [{ day: first.fault.from, minutes: -shared }],
        secondsPerDay: -first.fault.secondsPerDay,
      }
      return {
        findings: [claim(view, gateway, fault, alike.length)],
        withdrawn: view.standing
          .filter((one) => one.key === keyOf(RULE, one.target) && alike.some(({ meter }) => meter.fact.id === one.target))
          .map(({ key }) => ({
            key,
            because: {
              zh: `总表 ${gateway.fact.id} 的时钟偏差所致`,
              en: `it is the clock of the area meter ${gateway.fact.id} that is off`,
            },
          })),
        doubts: doubtsOf(view, gateway, fault),
      }
    }
    return {
      findings: standing.map(({ meter, fault }) => claim(view, meter, fault, 1)),
      doubts: faults.flatMap(({ meter, fault }) => doubtsOf(view, meter, fault)),
    }
  },
}

const dayTime = ({ frame }: AreaView, day: number): number => frame.start + (frame.dayStarts[day] ?? 0) * frame.stepMs

/** The shift to take back, in steps: a clock that drifts is a little more off every day. */
const doubtsOf = (view: AreaView, { fact }: MeterColumns, { to, steps }: ClockFault): readonly DataDoubt[] =>
  steps.map(({ day, minutes }, index) => {
    const next = steps[index + 1]
    return {
      id: fact.id,
      from: dayTime(view, day),
      to: next ? dayTime(view, next.day) : to === null ? null : dayTime(view, to),
      what: 'shift' as const,
      shiftMs: Math.round(minutes) * 60_000,
    }
  })

const claim = (view: AreaView, { fact }: MeterColumns, fault: ClockFault, meters: number): Finding => {
  const { frame } = view
  const limit = limitsOf(view, RULE, fact)
  const { minutes, secondsPerDay, count, correlation } = fault
  const from = dayTime(view, fault.from)
  const size = say(Math.abs(minutes), 0)
  const drifts = secondsPerDay !== 0
  const [zhSide, enSide] = minutes > 0 ? ['快', 'ahead'] : ['慢', 'behind']
  return findingOf(view, RULE, fact, limit, {
    kind: 'clock_drift',
    from,
    to: null,
    score: Math.min(0.99, 0.6 + 0.05 * count + 0.2 * Math.max(0, correlation)),
    severity: meters > 1 || Math.abs(minutes) >= 60 ? 'high' : 'medium',
    cause: drifts ? 'drift' : 'jump',
    numbers: {
      offsetMinutes: round(minutes, 1),
      secondsPerDay: round(secondsPerDay, 0),
      windows: count,
      correlationAtLag: round(correlation),
      metersThatShowIt: meters,
    },
    series: [
      {
        measurement: 'instant',
        id: fact.id,
        fields: ['voltage_l1', 'voltage_l2', 'voltage_l3'],
        from,
        to: dayTime(view, frame.days.length),
      },
      ...frame.gateways.map((gateway) => ({
        measurement: 'instant' as const,
        id: gateway.fact.id,
        fields: ['voltage_l1', 'voltage_l2', 'voltage_l3'],
        from,
        to: dayTime(view, frame.days.length),
      })),
    ],
    ruledOut: [
      {
        zh: '不是户变或相别错误：移动时间后电压与总表吻合',
        en: 'not a wrong area or phase: moved in time its voltage follows the gateway',
      },
    ],
    why: {
      zh: `电压曲线比总表${zhSide} ${size} 分钟（${count} 个窗口，自 ${sayWhen(frame, from)} 起${drifts ? `，每天 ${say(secondsPerDay, 0)} 秒` : ''}）`,
      en: `its voltage curve is ${size} min ${enSide} of the gateway's in ${count} windows since ${sayWhen(frame, from)}${drifts ? `, ${say(secondsPerDay, 0)} s a day` : ''}`,
    },
    action: {
      zh: '读取电能表时钟并校时；偏差较大时先核对冻结数据，再换表或更换时钟电池',
      en: 'read the clock of the meter and set it; when it is far off look at its frozen values first; replace battery or meter when it comes back',
    },
  })
}

/** What a read of a meter's clock says. @source analytics 4 and 6: alarm beyond 5 minutes, warning beyond 3 */
export const judgeClock = (offsetMs: number, limits = { warnMs: 3 * 60_000, alarmMs: 5 * 60_000 }): 'fine' | 'warn' | 'alarm' => {
  const size = Math.abs(offsetMs)
  if (size > limits.alarmMs) return 'alarm'
  return size > limits.warnMs ? 'warn' : 'fine'
}
