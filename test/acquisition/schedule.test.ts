import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  Calendar,
  type Device,
  newTalkCounts,
  type Poller,
  Schedule,
  type ScheduleDeps,
  type TaskSpec,
} from '../../src/acquisition/index.ts'
import type { Clock, ReadKind, Source } from '../../src/core/index.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const T0 = Date.parse('2026-11-21T10:07:00+08:00')
const MINUTE = 60_000

/** A meter that answers, or does not, without a line. */
const site = (options: {
  readonly tasks: readonly Partial<TaskSpec>[]
  readonly keeps?: readonly ReadKind[]
  readonly answers?: (asked: { kind: ReadKind; nth: number | undefined; at: number }) => boolean
  readonly newest?: (source: Source) => number | null
  readonly start?: number
  readonly meterAheadMs?: number
  /** Of what time a live value is, where a concentrator keeps it. */
  readonly valueAt?: (now: number) => number
  readonly devices?: readonly string[]
  readonly firstPassMs?: number
  /** How long a read waits on its line before its turn comes. */
  readonly waitMs?: (at: number) => number
}) => {
  let offset = (options.start ?? T0) - Date.now()
  const clock: Clock = { now: () => Date.now() + offset, monotonic: () => performance.now(), speed: 1 }
  const calendar = new Calendar('Asia/Shanghai')
  const asked: { device: string; kind: ReadKind; nth: number | undefined; at: number }[] = []
  const taken: { device: string; label: string; standsFor: Source | null }[] = []
  const warnings: string[] = []
  const told: string[] = []
  const keeps = options.keeps ?? ['current', 'curve', 'day-freeze', 'month-freeze']
  const selections = new Map<object, { kind: ReadKind; nth?: number }>()
  const devices = new Map(
    (options.devices ?? ['M1']).map((id): [string, Device] => [
      id,
      {
        spec: { id, address: '1', profile: { id: 'p', protocol: 'x' }, reactionMs: 100 },
        health: {
          failures: 0,
          lastAnswerAt: null,
          lastError: null,
          usualMs: null,
          due: 0,
          read: 0,
          firstTry: 0,
          missed: 0,
          late: 0,
          reasons: new Map(),
          talk: newTalkCounts(),
        },
        plan: (selection) => {
          if (!keeps.includes(selection.kind)) return failed('NO_SUCH_KIND')
          const plan = { source: selection.kind === 'current' ? ('live' as const) : selection.kind, values: [] }
          selections.set(plan, selection)
          return { ok: true, value: plan }
        },
        read: () => Promise.reject(new Error('not used')),
        clock: () => null,
        probe: () => Promise.reject(new Error('not used')),
      },
    ]),
  )
  const read: Poller['read'] = async (device, plan) => {
    const selection = selections.get(plan)
    if (!selection) throw new Error('unknown plan')
    const question = { kind: selection.kind, nth: selection.nth, at: clock.now() }
    asked.push({ device: device.spec.id, ...question })
    const waitMs = options.waitMs?.(clock.now()) ?? 0
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    if (!(options.answers ?? (() => true))(question)) return failed('LINE_NO_REPLY')
    // A freeze is stamped with the midnight it is of, by the meter's own clock.
    const meterNow = clock.now() + (options.meterAheadMs ?? 0)
    const at =
      selection.kind === 'current' && options.valueAt
        ? calendar.meterTime(options.valueAt(clock.now()))
        : selection.kind === 'day-freeze'
          ? calendar.meterTime(calendar.dayStart(meterNow) - ((selection.nth ?? 1) - 1) * 86_400_000)
          : null
    const samples = [{ at, raws: [], scalers: null, absent: null }]
    return { ok: true, value: { device, plan, samples, receivedAt: clock.now(), isFirstTry: true } }
  }
  const deps: ScheduleDeps = {
    clock,
    calendar,
    tasks: options.tasks.map((task) => ({
      id: 'task',
      read: 'current',
      period: { unit: 'ms', ms: 15 * MINUTE },
      offsetMs: 0,
      spreadMs: 0,
      devices: [...devices.keys()],
      ...task,
    })),
    find: (id) => {
      const device = devices.get(id)
      return device ? { device, poller: { read } } : null
    },
    take: async ({ device }, label, standsFor) => {
      taken.push({ device: device.spec.id, label: shanghai(label), standsFor })
      return { ok: true, value: undefined }
    },
    newest: (_, source) => options.newest?.(source) ?? null,
    log: (level, message) => level === 'warn' && warnings.push(message),
    longestWaitMs: 30_000,
    ...(options.firstPassMs === undefined ? {} : { firstPassMs: () => options.firstPassMs ?? 0 }),
    events: {
      due: (_task, _device, label) => told.push(`due ${shanghai(label)}`),
      read: (_task, _device, label) => told.push(`read ${shanghai(label)}`),
      missed: (_task, _device, label, _tries, code) => told.push(`missed ${shanghai(label)} ${code}`),
      failed: () => undefined,
    },
  }
  const schedule = new Schedule(deps)
  const step = (ms: number) => {
    offset += ms
  }
  return { schedule, told, asked, taken, warnings, step, clock, device: (id: string) => devices.get(id) }
}

const failed = (code: string) => ({ ok: false as const, error: { code, message: code, hint: '', recovery: 'retry' as const, context: {} } })
const shanghai = (instant: number): string => new Date(instant + 8 * 3_600_000).toISOString().slice(0, 16)
const labels = (of: readonly { label: string }[]) => of.map(({ label }) => label)

it('reads at once what was not read in the present period, then at every boundary of the wall clock', async () => {
  const { schedule, taken } = site({ tasks: [{}] })
  schedule.start()
  await vi.advanceTimersByTimeAsync(40 * MINUTE)
  expect(labels(taken)).toEqual(['2026-11-21T10:00', '2026-11-21T10:15', '2026-11-21T10:30', '2026-11-21T10:45'])
  expect(schedule.totals()).toMatchObject({ due: 4, read: 4, firstTry: 4, missed: 0 })
  await schedule.stop(0)
})

it('does not ask again for what is stored already', async () => {
  const { schedule, taken } = site({ tasks: [{}], newest: () => Date.parse('2026-11-21T10:01:00+08:00') })
  schedule.start()
  await vi.advanceTimersByTimeAsync(10 * MINUTE)
  expect(labels(taken)).toEqual(['2026-11-21T10:15'])
  await schedule.stop(0)
})

it('keeps offset and spread: every device at its own, always the same second', async () => {
  const { schedule, asked } = site({
    tasks: [{ offsetMs: MINUTE, spreadMs: 5 * MINUTE }],
    devices: Array.from({ length: 40 }, (_, at) => `M${at}`),
    newest: () => T0,
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(30 * MINUTE)
  const round = asked.filter(({ at }) => at < T0 + 20 * MINUTE)
  const due = Date.parse('2026-11-21T10:16:00+08:00')
  expect(round).toHaveLength(40)
  for (const { at } of round) expect(at - due).toBeGreaterThanOrEqual(0)
  expect(Math.max(...round.map(({ at }) => at)) - due).toBeLessThan(5 * MINUTE + 1000)
  expect(new Set(round.map(({ at }) => at)).size).toBeGreaterThan(20)
  await schedule.stop(0)
})

it('asks again for a missed read until its period is over, then counts it as missed with the reason', async () => {
  let up = false
  const { schedule, asked, taken } = site({ tasks: [{}], answers: () => up })
  schedule.start()
  await vi.advanceTimersByTimeAsync(7 * MINUTE)
  expect(asked.length).toBeGreaterThan(3)
  expect(schedule.totals()).toMatchObject({ due: 1, read: 0, missed: 0 })
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  expect(schedule.totals()).toMatchObject({ due: 2, missed: 1 })
  expect([...schedule.totals().reasons]).toEqual([['LINE_NO_REPLY', 1]])
  up = true
  await vi.advanceTimersByTimeAsync(3 * MINUTE)
  expect(labels(taken)).toEqual(['2026-11-21T10:15'])
  expect(schedule.totals()).toMatchObject({ due: 2, read: 1, firstTry: 0, missed: 1 })
  await schedule.stop(0)
})

it('fetches the daily freezes of the last three days that are not stored, each as its own one back', async () => {
  const { schedule, asked, taken } = site({ tasks: [{ read: 'day-freeze', period: { unit: 'day', count: 1 }, offsetMs: 5 * MINUTE }] })
  schedule.start()
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(labels(taken)).toEqual(['2026-11-19T00:00', '2026-11-20T00:00', '2026-11-21T00:00'])
  expect(asked.map(({ nth }) => nth)).toEqual([3, 2, 1])
  await vi.advanceTimersByTimeAsync(14 * 60 * MINUTE)
  expect(labels(taken).at(-1)).toBe('2026-11-22T00:00')
  expect(asked.at(-1)?.nth).toBe(1)
  expect((asked.at(-1)?.at ?? 0) - Date.parse('2026-11-22T00:05:00+08:00')).toBeLessThan(100)
  await schedule.stop(0)
})

it('asks for a missed freeze by its new place after the next midnight', async () => {
  let up = true
  const { schedule, asked, taken } = site({
    tasks: [{ read: 'day-freeze', period: { unit: 'day', count: 1 }, offsetMs: 5 * MINUTE }],
    newest: () => Date.parse('2026-11-21T00:00:00+08:00'),
    answers: () => up,
    start: Date.parse('2026-11-21T23:59:00+08:00'),
  })
  schedule.start()
  up = false
  await vi.advanceTimersByTimeAsync((24 * 60 + 3) * MINUTE)
  up = true
  await vi.advanceTimersByTimeAsync(10 * MINUTE)
  expect(labels(taken)).toEqual(expect.arrayContaining(['2026-11-22T00:00', '2026-11-23T00:00']))
  expect(asked.some(({ nth, at }) => nth === 2 && at > Date.parse('2026-11-23T00:00:00+08:00'))).toBe(true)
  await schedule.stop(0)
})

it('reads live at the set time for a meter that keeps no freezes, and never at noon', async () => {
  const { schedule, taken } = site({
    keeps: ['current'],
    tasks: [{ read: 'day-freeze', period: { unit: 'day', count: 1 }, offsetMs: 5 * MINUTE }],
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(12 * 60 * MINUTE)
  expect(taken).toEqual([])
  expect(schedule.totals()).toMatchObject({ due: 0 })
  await vi.advanceTimersByTimeAsync(3 * 60 * MINUTE)
  expect(taken).toEqual([{ device: 'M1', label: '2026-11-22T00:00', standsFor: 'day-freeze' }])
  await schedule.stop(0)
})

it('does not take what the meter shows at noon for the register of midnight, however long it was dead', async () => {
  let up = false
  const { schedule, taken } = site({
    keeps: ['current'],
    tasks: [{ read: 'day-freeze', period: { unit: 'day', count: 1 }, offsetMs: 5 * MINUTE }],
    answers: () => up,
    start: Date.parse('2026-11-22T00:00:00+08:00'),
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(12 * 60 * MINUTE)
  up = true
  await vi.advanceTimersByTimeAsync(60 * MINUTE)
  expect(taken).toEqual([])
  expect(schedule.totals()).toMatchObject({ due: 1, read: 0, missed: 1 })
  await schedule.stop(0)
})

it('keeps asking a meter whose clock is behind until it has the freeze of this midnight', async () => {
  const { schedule, asked } = site({
    tasks: [{ read: 'day-freeze', period: { unit: 'day', count: 1 }, offsetMs: 5 * MINUTE }],
    start: Date.parse('2026-11-22T00:00:00+08:00'),
    meterAheadMs: -10 * MINUTE,
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(9 * MINUTE)
  const before = schedule.totals().read
  await vi.advanceTimersByTimeAsync(10 * MINUTE)
  // The oldest of the four was given up when the newest became due.
  expect(schedule.totals()).toMatchObject({ due: 4, read: 3, missed: 1 })
  expect(before).toBe(0)
  expect(asked.length).toBeGreaterThan(3)
  await schedule.stop(0)
})

it('reads on after the clock was a month ahead and has been set right', async () => {
  const { schedule, taken, step } = site({ tasks: [{}], start: T0 + 30 * 86_400_000 })
  schedule.start()
  await vi.advanceTimersByTimeAsync(MINUTE)
  step(-30 * 86_400_000)
  await vi.advanceTimersByTimeAsync(20 * MINUTE)
  expect(labels(taken).at(-1)).toBe('2026-11-21T10:15')
  await schedule.stop(0)
})

it('polls no period twice when the clock is set back, and says once that it was', async () => {
  const { schedule, taken, warnings, step } = site({ tasks: [{}] })
  schedule.start()
  await vi.advanceTimersByTimeAsync(10 * MINUTE)
  step(-30 * MINUTE)
  await vi.advanceTimersByTimeAsync(29 * MINUTE)
  expect(labels(taken)).toEqual(['2026-11-21T10:00', '2026-11-21T10:15'])
  expect(warnings).toEqual(['the wall clock was set back by 1800 s'])
  await vi.advanceTimersByTimeAsync(8 * MINUTE)
  expect(labels(taken).at(-1)).toBe('2026-11-21T10:15')
  await vi.advanceTimersByTimeAsync(10 * MINUTE)
  expect(labels(taken).at(-1)).toBe('2026-11-21T10:30')
  await schedule.stop(0)
})

it.each([
  ['Asia/Shanghai', '2026-11-21', 24],
  ['Europe/Berlin', '2026-03-29', 23],
  ['Europe/Berlin', '2026-10-25', 25],
])('has a day of so many hours in %s on %s', (zone, day, hours) => {
  const calendar = new Calendar(zone)
  const noon = Date.parse(`${day}T12:00:00Z`)
  const start = calendar.dayStart(noon)
  const starts: number[] = []
  for (let at = start; at < calendar.dayAfter(start); at = calendar.nextStart({ unit: 'ms', ms: 15 * MINUTE }, at)) starts.push(at)
  expect(starts).toHaveLength(hours * 4)
})

const DAILY = { read: 'day-freeze', period: { unit: 'day', count: 1 }, offsetMs: 5 * MINUTE } as const

it('leaves freezes of earlier days to whoever keeps the gaps, and gives one up when its first pass is over', async () => {
  const { schedule, told, asked } = site({ tasks: [DAILY], firstPassMs: 120 * MINUTE, answers: () => false, start: T0 - 10 * 60 * MINUTE })
  schedule.start()
  await vi.advanceTimersByTimeAsync(100 * MINUTE)
  expect(told).toEqual(['due 2026-11-21T00:00'])
  await vi.advanceTimersByTimeAsync(30 * MINUTE)
  expect(told).toEqual(['due 2026-11-21T00:00', 'missed 2026-11-21T00:00 LINE_NO_REPLY'])
  const tries = asked.length
  await vi.advanceTimersByTimeAsync(20 * 60 * MINUTE)
  expect([asked.length, new Set(asked.map(({ nth }) => nth))]).toEqual([tries, new Set([1])])
  expect(schedule.totals()).toMatchObject({ due: 1, read: 0, missed: 1 })
  await schedule.stop(0)
})

it('hands over what was due while nobody looked', async () => {
  const { schedule, told, step } = site({ tasks: [DAILY], firstPassMs: 120 * MINUTE })
  schedule.start()
  await vi.advanceTimersByTimeAsync(MINUTE)
  step(3 * 24 * 60 * MINUTE)
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  expect(told).toEqual([
    'due 2026-11-21T00:00',
    'read 2026-11-21T00:00',
    'due 2026-11-22T00:00',
    'missed 2026-11-22T00:00 READ_OVERTAKEN',
    'due 2026-11-23T00:00',
    'missed 2026-11-23T00:00 READ_OVERTAKEN',
    'due 2026-11-24T00:00',
    'read 2026-11-24T00:00',
  ])
  await schedule.stop(0)
})

it('takes no value a concentrator read before midnight for the freeze, and the one it read after', async () => {
  const fresh = Date.parse('2026-11-22T00:12:00+08:00')
  const { schedule, taken, told } = site({
    tasks: [DAILY],
    keeps: ['current'],
    start: Date.parse('2026-11-22T00:04:00+08:00'),
    // Read at 23:00; again only when it is 00:12.
    valueAt: (now) => (now < fresh ? Date.parse('2026-11-21T23:00:00+08:00') : fresh),
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(6 * MINUTE)
  expect(taken).toEqual([])
  await vi.advanceTimersByTimeAsync(8 * MINUTE)
  expect(taken).toEqual([{ device: 'M1', label: '2026-11-22T00:00', standsFor: 'day-freeze' }])
  expect(told.filter((text) => text.startsWith('read'))).toEqual(['read 2026-11-22T00:00'])
  await schedule.stop(0)
})

it('gives a freeze that was due before its concentrator dialled in a whole first pass', async () => {
  const dialledIn = T0 + 10 * 60 * MINUTE + 3 * MINUTE
  const { schedule, told, taken } = site({
    tasks: [DAILY],
    firstPassMs: 120 * MINUTE,
    answers: ({ at }) => at >= dialledIn,
    start: T0 + 10 * 60 * MINUTE,
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  expect(told).toEqual(['due 2026-11-21T00:00'])
  await vi.advanceTimersByTimeAsync(3 * MINUTE)
  expect(labels(taken)).toEqual(['2026-11-21T00:00'])
  expect(schedule.totals()).toMatchObject({ due: 1, read: 1, missed: 0, late: 0 })
  await schedule.stop(0)
})

it('asks again by the new place, and counts no try, for a freeze that waited on its line over midnight', async () => {
  const { schedule, asked, told } = site({
    tasks: [DAILY],
    firstPassMs: 120 * MINUTE,
    start: Date.parse('2026-11-21T23:59:00+08:00'),
    waitMs: (at) => (at < Date.parse('2026-11-22T00:00:00+08:00') ? 2 * MINUTE : 0),
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(3 * MINUTE)
  expect(told).toEqual(['due 2026-11-21T00:00', 'read 2026-11-21T00:00'])
  expect(asked.map(({ nth }) => nth)).toEqual([1, 2])
  expect(schedule.totals()).toMatchObject({ due: 1, read: 1, firstTry: 1, missed: 0 })
  await schedule.stop(0)
})

it('counts a missed reading of a curve as late once the next one has brought it', async () => {
  let up = false
  const { schedule } = site({ tasks: [{ read: 'curve' }], answers: () => up })
  schedule.start()
  await vi.advanceTimersByTimeAsync(30 * MINUTE)
  expect(schedule.totals()).toMatchObject({ read: 0, missed: 2, late: 0 })
  up = true
  await vi.advanceTimersByTimeAsync(15 * MINUTE)
  const { due, read, missed, late } = schedule.totals()
  expect({ missed, late, isWhole: due === read + missed }).toEqual({ missed: late, late: missed, isWhole: true })
  expect(late).toBeGreaterThanOrEqual(2)
  await schedule.stop(0)
})

it('counts a missed freeze as late once whoever keeps the gaps has it, and a live value never', async () => {
  const { schedule, device } = site({
    tasks: [DAILY, { id: 'live' }],
    firstPassMs: 10 * MINUTE,
    answers: () => false,
  })
  schedule.start()
  await vi.advanceTimersByTimeAsync(40 * MINUTE)
  const { missed } = schedule.totals()
  expect(missed).toBeGreaterThan(2)
  const midnight = Date.parse('2026-11-21T00:00:00+08:00')
  schedule.had('M1', 'day-freeze', midnight - 1000, midnight)
  schedule.had('M1', 'current', midnight, Number.POSITIVE_INFINITY)
  expect(schedule.totals()).toMatchObject({ missed, late: 0 })
  // Told twice is told once.
  for (let n = 0; n < 2; n++) schedule.had('M1', 'day-freeze', midnight, midnight + 1)
  expect(schedule.totals()).toMatchObject({ missed, late: 1 })
  expect(device('M1')?.health).toMatchObject({ missed, late: 1 })
  await schedule.stop(0)
})
