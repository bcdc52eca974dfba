import { connect, type Socket } from 'node:net'
import type { Field } from '../answering.ts'
import type { Fault } from '../faults.ts'
import { fraction, numberOf } from '../random.ts'
import { noTruth, type TruthValue } from '../truth.ts'
import type { Act, Brain, Report, Told } from './brain.ts'
import type { FleetFigures } from './fleet-figures.ts'
import type { Habits } from './habits.ts'
import type { Said } from './items3761.ts'
import { spoil } from './spoil.ts'

export interface DialOptions {
  readonly id: string
  readonly host: string
  readonly port: number
  /** Own address to dial from; absent = the system's choice. */
  readonly localAddress?: string
  readonly habits: Habits
  readonly seed: number
  readonly field: Field
  readonly brain: Brain
  readonly figures: FleetFigures
  readonly told: (told: Omit<Told, 'concentrator'>) => void
  readonly onState: (state: DialState) => void
}

export type DialState = 'off' | 'dialling' | 'asking' | 'online'

/** The connection of one concentrator: dials, logs in, beats, answers, reports, dials again. */
export interface Dialler {
  readonly state: DialState
  start(): void
  /** Logs out and closes, for good. */
  stop(polite: boolean): Promise<void>
  /** Closes now and dials again after a while. */
  hangUp(): void
  /** Without power for a while. */
  reboot(seconds: number): void
  /** Says what is waiting; after an event was raised. */
  nudge(): void
  /** Puts bytes on the connection as they are. */
  inject(bytes: Uint8Array): void
}

const LOGIN_TRIES = 3
const HEARTBEATS_MISSED = 3

export const dialler = (options: DialOptions): Dialler => {
  const { id, habits, field, brain, figures, told } = options
  const { clock } = field
  const recording = field.truth !== noTruth
  let state: DialState = 'off'
  let socket: Socket | null = null
  let timer: NodeJS.Timeout | null = null
  let reportTimer: NodeJS.Timeout | null = null
  let tries = 0
  let failures = 0
  let unanswered = 0
  let askedAt = 0
  let lineFree = 0
  let memoryFree = 0
  let previous: Uint8Array | null = null
  let downUntil = 0
  let stopped = false
  /** The report that was said last. */
  let said: Report | null = null
  let saidHere = false

  const turn = (next: DialState): void => {
    if (state === next) return
    state = next
    options.onState(next)
  }
  const later = (ms: number, work: () => void): void => {
    if (timer) clearTimeout(timer)
    timer = setTimeout(work, ms)
  }
  const orders = (now: number): readonly Fault[] => field.desk.draw(id, id, now, 'dials')
  const isDeaf = (): boolean =>
    field.desk.orders.some(
      ({ kind, line, meter, from, until }) =>
        kind === 'half-open' && (line ?? meter ?? id) === id && clock.now() >= (from ?? -Infinity) && clock.now() < (until ?? Infinity),
    )

  const write = (bytes: Uint8Array): void => {
    if (!socket || socket.destroyed) return
    figures.framesOut++
    figures.bytesOut += bytes.length
    socket.write(bytes)
  }

  const dial = (): void => {
    timer = null
    if (stopped) return
    turn('dialling')
    figures.dialled++
    const { host, port, localAddress } = options
    const here = connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) })
    socket = here
    previous = null
    here.once('connect', () => {
      brain.connected()
      tries = 0
      unanswered = 0
      turn('asking')
      login()
    })
    here.on('data', (bytes) => {
      if (here === socket) take(bytes)
    })
    here.on('error', () => {})
    here.once('close', () => {
      if (here !== socket) return
      socket = null
      gone()
    })
  }

  const gone = (): void => {
    if (reportTimer) clearTimeout(reportTimer)
    reportTimer = null
    if (state === 'online') figures.hungUp++
    turn('off')
    if (stopped) return
    const [first, longest] = habits.redialMs
    const wait =
      Math.min(longest, first * 2 ** Math.min(failures, 16)) *
      (0.75 + 0.5 * fraction(options.seed, numberOf(id), failures, figures.dialled))
    failures++
    later(Math.max(wait, downUntil - Date.now()), dial)
  }

  /** One byte of an endless login after another, for as long as the other side bears it. */
  const trickle = (ms: number): void => {
    const bytes = brain.login(clock.now())
    let at = 0
    const drop = (): void => {
      write(bytes.subarray(at, ++at))
      later(ms, at < bytes.length - 1 ? drop : () => {})
    }
    drop()
  }

  const login = (): void => {
    if (habits.lorisMs !== null) {
      trickle(habits.lorisMs)
      return
    }
    if (tries++ >= LOGIN_TRIES) {
      socket?.destroy()
      return
    }
    askedAt = performance.now()
    if (!isDeaf()) write(brain.login(clock.now()))
    later(habits.answerWaitMs, login)
  }

  const heartbeatMs = (): number => {
    const set = brain.heartbeatMs()
    return set === null ? habits.heartbeatMs : set / clock.speed
  }

  const beat = (): void => {
    if (isDeaf()) {
      later(heartbeatMs(), beat)
      return
    }
    if (unanswered >= HEARTBEATS_MISSED) {
      socket?.destroy()
      return
    }
    unanswered++
    figures.heartbeats++
    askedAt = performance.now()
    write(brain.heartbeat(clock.now()))
    later(heartbeatMs(), beat)
  }

  const take = (bytes: Uint8Array): void => {
    figures.bytesIn += bytes.length
    if (isDeaf()) return
    for (const act of brain.take(bytes, clock.now())) carryOut(act)
    if (state === 'online') tell(false)
  }

  const carryOut = (act: Act): void => {
    if (act.kind === 'answer') {
      figures.requests++
      answer(act)
    } else if (act.kind === 'reboot') setTimeout(() => reboot(5), 50)
    else if (act.of === 'login') online()
    else if (act.of === 'heartbeat') {
      unanswered = 0
      figures.heartbeatsConfirmed++
      count(figures.heartbeatMs)
    } else if (act.of === 'report') {
      figures.reportsConfirmed++
      if (reportTimer) clearTimeout(reportTimer)
      reportTimer = null
      saidHere = false
    }
  }
  const count = (histogram: Uint32Array): void => {
    const ms = Math.min(histogram.length - 1, Math.round(performance.now() - askedAt))
    histogram[ms]!++
  }

  const online = (): void => {
    failures = 0
    figures.loginsConfirmed++
    count(figures.loginMs)
    told({ at: clock.now(), what: 'login', detail: '' })
    turn('online')
    const period = heartbeatMs()
    later(period * (0.5 + 0.5 * fraction(options.seed, numberOf(id), 7)), beat)
    saidHere = false
    tell(false)
  }

  /** Says the report that waits, and again until it is confirmed. */
  const tell = (again: boolean): void => {
    if (state !== 'online' || isDeaf()) return
    const now = clock.now()
    const report = brain.report(now)
    if (report && (again || !saidHere)) {
      if (!again) told({ at: now, what: 'report', detail: report.name })
      figures.reports++
      const values = report === said ? [] : report.said
      said = report
      saidHere = true
      spoken(values, now, null, () => {
        for (const frame of report.frames) write(frame)
      })
      if (reportTimer) clearTimeout(reportTimer)
      reportTimer = setTimeout(() => tell(true), habits.reportMs)
    } else if (!report && !reportTimer) {
      const due = brain.due(now)
      if (due === Number.POSITIVE_INFINITY) return
      reportTimer = setTimeout(
        () => {
          reportTimer = null
          tell(false)
        },
        Math.max(10, Math.min(2 ** 31 - 1, (due - now) / clock.speed)),
      )
    }
  }

  /** Writes the values down by meter, then lets the bytes go. */
  const spoken = (values: readonly Said[], instant: number, fault: string | null, go: () => void): void => {
    if (!recording || values.length === 0) {
      go()
      return
    }
    const byMeter = new Map<string, TruthValue[]>()
    for (const { meter, value } of values) {
      const list = byMeter.get(meter)
      if (list) list.push(value)
      else byMeter.set(meter, [value])
    }
    let left = byMeter.size
    for (const [meter, list] of byMeter) field.truth.said(instant, meter, list, fault, --left === 0 ? go : () => {})
  }

  const answer = (act: Extract<Act, { kind: 'answer' }>): void => {
    const now = clock.now()
    const to = socket
    const spoilt = spoil(act, orders(now), { craft: brain.craft, now, previous })
    if (spoilt === 'nothing') return
    if (spoilt === 'hang-up') {
      hangUp()
      return
    }
    const { frames, refused, single, names } = spoilt
    const delay = act.delayMs + spoilt.lateMs
    if (!refused) previous = frames.at(-1) ?? null
    const go = (): void => {
      if (to !== socket) return
      if (single) for (const frame of frames) for (const byte of frame) write(Uint8Array.of(byte))
      else for (const frame of frames) write(frame)
    }
    const real = Date.now()
    // Over the power line one after another; out of memory in the order of the requests.
    const free = act.reach === 'line' ? lineFree : memoryFree
    const when = Math.max(real, free) + delay
    if (act.reach === 'line') lineFree = when
    else memoryFree = when
    spoken(refused ? [] : act.said, now, names.length === 0 ? null : names.join('+'), () => {
      const wait = when - Date.now()
      if (delay === 0 && wait <= 0) go()
      else setTimeout(go, Math.max(0, wait))
    })
  }

  const hangUp = (): void => {
    socket?.destroy()
  }
  const reboot = (seconds: number): void => {
    const from = clock.now()
    downUntil = Date.now() + seconds * 1000
    brain.rebooted(from, from + Math.round(seconds * 1000 * clock.speed))
    hangUp()
  }

  return {
    get state() {
      return state
    },
    start() {
      if (state === 'off' && !timer) dial()
    },
    stop(polite) {
      stopped = true
      if (timer) clearTimeout(timer)
      if (reportTimer) clearTimeout(reportTimer)
      const here = socket
      if (!here || here.destroyed) return Promise.resolve()
      return new Promise((resolve) => {
        here.once('close', () => resolve())
        if (polite && state === 'online') here.end(brain.logout(clock.now()))
        else here.destroy()
        setTimeout(() => here.destroy(), 200).unref()
      })
    },
    hangUp,
    reboot,
    nudge: () => tell(false),
    inject: (bytes) => {
      socket?.write(bytes)
    },
  }
}
