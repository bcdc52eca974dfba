import { fraction, mix, numberOf } from '../random.ts'
import { archiveOf } from './archive3761.ts'
import type { Act, Brain, BrainOptions, EventOrder, Report } from './brain.ts'
import { type DataSource, type Piece, piecesOf, terminalHistory, terminalPresent, wantedOf } from './data3761.ts'
import { eventBook, eventPieces, recordOf } from './events3761.ts'
import { passOn } from './forward645.ts'
import { addressBytes, type Frame3761, frame3761, identifier, listen3761, namedBy, seqOf, TPV } from './frame3761.ts'
import { PRESENT_ITEMS, type Said } from './items3761.ts'
import { altered, grouped, isTooOld, OVERHEAD, packed, TP_BYTES, tagOf } from './message3761.ts'
import { meterOf, ordersNow, reachOf } from './orders.ts'
import { ownClock } from './own-clock.ts'
import { parametersOf } from './params3761.ts'
import { hex, Pen, stampInto } from './pen.ts'
import { routeUnit } from './routes3761.ts'
import { settingsAct } from './settings3761.ts'
import { tasksOf } from './tasks3761.ts'

const AFN = {
  confirm: 0,
  reset: 1,
  link: 2,
  set: 4,
  control: 5,
  configuration: 9,
  query: 10,
  present: 12,
  history: 13,
  events: 14,
  forward: 16,
} as const
/** Functions whose requests end with 16 bytes of PW. */
const WITH_PASSWORD: ReadonlySet<number> = new Set([1, 4, 5, 6, 15, 16])
const PASSWORD_BYTES = 16

/** Answers a request; null = says nothing. */
type Work = (asked: Frame3761, body: Uint8Array) => Act | null

/** A terminal that speaks Q/GDW 376.1. */
export const brain3761 = (options: BrainOptions): Brain => {
  const { id, habits, wiring, told } = options
  const address = addressBytes(options.address)
  const clock = ownClock(options.since, habits.clock.offset * 1000, habits.clock.ppm)
  const archive = archiveOf(wiring, options.archive)
  const parameters = parametersOf(options.address, Math.max(1, Math.min(255, Math.round(habits.heartbeatMs / 60_000))), archive)
  const tasks = tasksOf(parameters)
  const book = eventBook()
  const source = { seed: options.seed, habits, archive, wiring, clock, reach: reachOf(options.orders) }
  const room = habits.frameLimit - OVERHEAD - 2 - TP_BYTES
  let number = mix(numberOf(id), 1) & 15
  let period: number | null = null
  let allowed = habits.reports
  /** What waits for AFN00 of the master, by number. */
  let waits: { readonly of: 'login' | 'heartbeat' | 'logout'; readonly number: number } | null = null
  let reports: {
    readonly name: string
    readonly frames: Uint8Array[]
    readonly said: readonly Said[]
    readonly number: number
    readonly whenConfirmed: () => void
  }[] = []
  let answers = 0
  let acts: Act[] = []
  let now = options.since

  /** The next number that nothing waits for. */
  const next = (): number => {
    do number = (number + 1) & 15
    while (number === reports[0]?.number)
    return number
  }
  const tag = (pfc: number): Uint8Array => stampInto(new Pen(TP_BYTES).byte(pfc), clock.own(now), 'smhD').byte(5).done()
  const say = (control: number, a3: number, afn: number, seq: number, data: Uint8Array, tp: Uint8Array | null = null): Uint8Array => {
    const ec = book.waiting && (control & 0x40) === 0
    return frame3761({
      ...{ protocolId: habits.protocolId, address, a3, afn, data, tp },
      control: ec ? control | 0x20 : control,
      seq: tp ? seq | TPV : seq,
      ec: ec ? book.counters : null,
    })
  }
  const link = (fn: number, clocked: boolean): Uint8Array => {
    const pen = identifier(new Pen(16), 0, fn)
    if (clocked) stampInto(pen, clock.own(now), 'smhDWY')
    const seq = seqOf(next(), { first: true, last: true, confirm: true })
    waits = { of: fn === 1 ? 'login' : fn === 2 ? 'logout' : 'heartbeat', number }
    return say(habits.tagged ? 0xc4 : 0xc9, 0, AFN.link, seq, pen.done(), habits.tagged ? tag(number) : null)
  }

  /** Answers a request with data units, in as many frames as they need. */
  const answer = (asked: Frame3761, afn: number, pieces: readonly Piece[], reach: 'memory' | 'line' = 'memory', control = 0x88): Act => {
    const packs = packed(pieces, room)
    const tp = (asked.seq & TPV) !== 0 ? tag(tagOf(asked)) : null
    const frames = packs.map((data, at) => {
      const is = { first: at === 0, last: at === packs.length - 1, confirm: habits.answersConfirmed && afn !== AFN.confirm }
      return say(control, asked.a3, afn, seqOf(asked.seq + (habits.countsParts ? at : 0), is), data, tp)
    })
    const said = pieces.flatMap((piece) => piece.said)
    const [least, most] = reach === 'line' ? habits.plcMs : habits.answerMs
    const delayMs = Math.round(least + (most - least) * fraction(options.seed, numberOf(id), ++answers))
    return { kind: 'answer', request: asked.whole, frames, said, reach, delayMs }
  }
  const silent = (bytes: Uint8Array): Piece => ({ bytes, said: [] })
  const confirm: Work = (asked) => answer(asked, AFN.confirm, [silent(identifier(new Pen(4), 0, 1).done())], 'memory', 0x80)
  const deny = (asked: Frame3761, reach: 'memory' | 'line' = 'memory'): Act => {
    const pen = new Pen(32)
    if (habits.denial === 'by-unit') {
      identifier(pen, 0, 3).byte(asked.afn)
      const named = namedBy(asked.data, 0)
      for (const pn of named?.points ?? [0]) for (const fn of named?.items ?? [1]) identifier(pen, pn, fn).byte(1)
    } else identifier(pen, 0, 2)
    return answer(asked, AFN.confirm, [silent(pen.done())], reach, 0x89)
  }

  const data: Work = (asked, body) => {
    const classTwo = asked.afn === AFN.history
    const orders = ordersNow(options.orders(), id, now)
    const { wanted, whole } = wantedOf(body, classTwo, archive.points)
    const pieces: Piece[] = []
    const from: DataSource = { ...source, orders }
    for (const one of wanted) {
      const own = clock.own(now)
      const unit =
        one.pn === 0
          ? classTwo
            ? terminalHistory(one.fn, one.scale, own)
            : terminalPresent(one.fn, own, book.counters, archive)
          : one.fn === 169 || one.fn === 170
            ? routeUnit(from, one, now)
            : null
      if (unit) pieces.push(silent(unit))
      else if (one.pn > 0) {
        const given = piecesOf(from, [one], classTwo, now, room, options.recording)
        if (given.length === 0 && habits.unknown === 'denied') return deny(asked)
        pieces.push(...given)
      }
    }
    if (pieces.length === 0 || (!whole && wanted.length === 0)) return deny(asked)
    return answer(asked, asked.afn, habits.grouped ? grouped(body, wanted.length, pieces) : pieces)
  }

  const events: Work = (asked, body) => {
    const named = namedBy(body, 0)
    const fn = named?.items[0]
    const from = body[4]
    const to = body[5]
    if (from === undefined || to === undefined || (fn !== 1 && fn !== 2)) return deny(asked)
    const level = fn === 1 ? 'important' : 'normal'
    const records = book.range(level, from, to)
    if (records.length === 0) return deny(asked)
    const units = eventPieces(book.counters, fn, records, from, to, room - TP_BYTES)
    const act = answer(asked, AFN.events, units.map(silent))
    if (level === 'important') book.seen(to)
    return act
  }
  const forward: Work = (asked) => {
    const body = asked.data
    const port = body[4]
    const length = (body[8] ?? 0) | ((body[9] ?? 0) << 8)
    const inner = body.subarray(10, 10 + length)
    if (port === undefined || namedBy(body, 0)?.items[0] !== 1 || inner.length < length) return deny(asked)
    told({ at: now, what: 'forward', detail: `port ${port} ${hex(inner)}` })
    const got = passOn(inner, { now, wiring, reach: source.reach, fits: (meter) => (meter.port === 31) === (port === 31) })
    const isLost = port === 31 && fraction(options.seed, numberOf(id), 31, ++answers) < habits.plcLoss
    if (got && !isLost) {
      const pen = identifier(new Pen(got.frame.length + 8), 0, 1)
        .byte(port)
        .word(got.frame.length)
        .put(got.frame)
      return answer(asked, AFN.forward, [{ bytes: pen.done(), said: got.said }], 'line')
    }
    if (habits.plcSilence === 'denied') return deny(asked, 'line')
    return habits.plcSilence === 'empty'
      ? answer(asked, AFN.forward, [silent(identifier(new Pen(8), 0, 1).byte(port).word(0).done())], 'line')
      : null
  }

  const settings: Work = (asked, body) => {
    const done = settingsAct({
      ...{ asked, body, at: now, clock, archive, parameters, wiring, told },
      address: options.address,
      event: (order) => raise(order, now),
      tasksChanged: () => tasks.changed(clock.own(now)),
      allowReports: (yes) => {
        allowed = yes
      },
      setHeartbeat: (minutes) => {
        period = minutes * 60_000
      },
    })
    if (asked.afn === AFN.reset && done === 'confirmed') acts.push({ kind: 'reboot' })
    if (done === 'confirmed') return confirm(asked, body)
    return done === 'denied' ? deny(asked) : answer(asked, asked.afn, done.map(silent))
  }
  const WORKS: Readonly<Record<number, Work>> = { [AFN.present]: data, [AFN.history]: data, [AFN.events]: events, [AFN.forward]: forward }

  const hear = (asked: Frame3761): void => {
    const everybody = asked.address[2] === 0xff && asked.address[3] === 0xff
    if (!everybody && address.some((byte, at) => asked.address[at] !== byte)) return
    // An answer of another terminal, or our own words coming back.
    if ((asked.control & 0x80) !== 0) return
    if (asked.afn === AFN.confirm) {
      confirmed(asked)
      return
    }
    let end = asked.data.length
    if ((asked.seq & TPV) !== 0) {
      end -= TP_BYTES
      if (isTooOld(asked.data, end, clock.own(now))) {
        told({ at: now, what: 'dropped', detail: `AFN ${asked.afn.toString(16)} older than its delay` })
        return
      }
    }
    if (WITH_PASSWORD.has(asked.afn)) end -= asked.protocolId === 1 ? 2 : PASSWORD_BYTES
    const body = asked.data.subarray(0, Math.max(0, end))
    const done = (WORKS[asked.afn] ?? settings)(asked, body)
    if (!everybody && done) acts.push(done)
  }

  const confirmed = ({ seq, data: body }: Frame3761): void => {
    const fn = namedBy(body, 0)?.items[0]
    const head = reports[0]
    if (head && head.number === (seq & 15)) {
      if (fn === 2) return
      reports = reports.slice(1)
      head.whenConfirmed()
      told({ at: now, what: 'report-confirmed', detail: head.name })
      acts.push({ kind: 'confirmed', of: 'report' })
      return
    }
    if (waits?.number === (seq & 15) && fn !== 2) {
      acts.push({ kind: 'confirmed', of: waits.of })
      waits = null
    }
  }

  /** Says something by itself until it is confirmed. */
  const report = (name: string, afn: number, pieces: readonly Piece[], whenConfirmed: () => void = () => {}): void => {
    const packs = packed(pieces, habits.frameLimit - OVERHEAD)
    for (const [at, bytes] of packs.entries()) {
      const last = at === packs.length - 1
      const seq = seqOf(next(), { first: true, last: true, confirm: true })
      const said = last ? pieces.flatMap((piece) => piece.said) : []
      reports.push({ name, frames: [say(0xc4, 0, afn, seq, bytes)], said, number, whenConfirmed: last ? whenConfirmed : () => {} })
    }
  }

  const raise = (order: EventOrder, at: number): void => {
    const level = order.level ?? (NORMAL.has(order.code) ? 'normal' : 'important')
    const meter = order.meter === undefined ? null : meterOf(wiring, order.meter)
    const record = recordOf(order, order.at ?? at, clock.own, wiring, meter)
    const [before] = book.counters
    book.add(level, record)
    now = at
    if (!allowed || level === 'normal') return
    const [after, normal] = book.counters
    const bytes = identifier(new Pen(64), 0, 1).byte(after).byte(normal).byte(before).byte(after).put(record).done()
    report(`event ${order.code}`, AFN.events, [silent(bytes)], () => book.seen(after))
  }

  const upload = (items: readonly { readonly pn: number; readonly fn: number }[] | readonly string[], at: number): void => {
    now = at
    const from: DataSource = { ...source, orders: ordersNow(options.orders(), id, at) }
    for (const classTwo of [false, true]) {
      const wanted = items.flatMap((item) => {
        if (typeof item === 'string') return []
        const isHistory = !PRESENT_ITEMS.has(item.fn)
        return isHistory === classTwo ? [{ ...item, scale: classTwo ? tasks.scaleOf(item.fn, clock.own(at)) : new Uint8Array(0) }] : []
      })
      const pieces = piecesOf(from, wanted, classTwo, at, habits.frameLimit - OVERHEAD, options.recording)
      if (pieces.length > 0) report(classTwo ? 'class 2' : 'class 1', classTwo ? AFN.history : AFN.present, pieces)
    }
  }

  let ear = listen3761(hear)
  return {
    connected() {
      ear = listen3761(hear)
      waits = null
    },
    login(at) {
      now = at
      return link(1, false)
    },
    heartbeat(at) {
      now = at
      return link(3, habits.edition === '2013')
    },
    logout(at) {
      now = at
      return link(2, false)
    },
    take(bytes, at) {
      now = at
      acts = []
      ear.take(bytes)
      const done = acts
      acts = []
      return done
    },
    report(at): Report | null {
      now = at
      if (allowed) for (const task of tasks.take(clock.own(at))) upload(task, at)
      return reports[0] ?? null
    },
    due: () => (allowed ? clock.world(tasks.next()) : Number.POSITIVE_INFINITY),
    raise,
    upload,
    setClock(at, offsetMs) {
      clock.set(at, at + offsetMs)
    },
    heartbeatMs: () => period,
    rebooted(from, to) {
      raise({ code: 14, at: from, edge: 'end' }, to)
      waits = null
    },
    craft: {
      readdress: (frame) => altered(frame, 9, (byte) => (byte + 1) & 0xff),
      refunction: (frame) => altered(frame, 13, (byte) => (byte & 0xf0) | ((byte + 5) & 15)),
      refuse(request, code, at) {
        now = at
        const pen = new Pen(16)
        if (code === null) identifier(pen, 0, 2)
        else {
          identifier(pen, 0, 3).byte(request[12] ?? 0)
          pen.put(request.subarray(14, 18)).byte(code)
        }
        return say(0x89, request[11] ?? 0, AFN.confirm, seqOf(request[13] ?? 0, { first: true, last: true }), pen.done())
      },
    },
  }
}

/** Events that are not important unless a master says otherwise. */
const NORMAL: ReadonlySet<number> = new Set([3, 4, 12])
