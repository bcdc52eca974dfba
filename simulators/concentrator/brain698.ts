import { fraction, mix, numberOf } from '../random.ts'
import { archiveOf } from './archive3761.ts'
import { type Answered, recordAnswers, TRAILER } from './blocks698.ts'
import type { Act, Brain, BrainOptions, EventOrder, Report } from './brain.ts'
import { type Column698, counted, length, longTime, type Reader, reader, target } from './data698.ts'
import type { DataSource } from './data3761.ts'
import { passOn } from './forward645.ts'
import { apduPlace, check, FRAGMENT, type Frame698, frame698, listen698, OVERHEAD_698, readdress698, refunction698 } from './frame698.ts'
import type { WiredMeter } from './habits.ts'
import type { Said } from './items3761.ts'
import { putObject } from './objects698.ts'
import { meterOf, ordersNow, reachOf } from './orders.ts'
import { ownClock } from './own-clock.ts'
import { type Own698, own698 } from './own698.ts'
import { bytesOfHex, hex, Pen } from './pen.ts'
import { putRows, type Record698, type Row698, recordHead, recordOf698, rowsOf } from './records698.ts'

const CLIENT = { answer: 0xc3, report: 0x83, link: 0x81 } as const
const DAR = { refused: 3, undefined: 4, timeout: 33, block: 9, other: 255 } as const

/** Answers an APDU; null = says nothing. */
type Work = (from: Reader, asked: Frame698) => Answered | null

/** A terminal that speaks DL/T 698.45. */
export const brain698 = (options: BrainOptions): Brain => {
  const { id, address, habits, wiring, told } = options
  const clock = ownClock(options.since, habits.clock.offset * 1000, habits.clock.ppm)
  const archive = archiveOf(wiring, options.archive)
  const own: Own698 = own698({ archive, clock, address, told })
  const source = { seed: options.seed, habits, archive, wiring, clock, reach: reachOf(options.orders) }
  const room = habits.frameLimit - OVERHEAD_698
  let number = mix(numberOf(id), 1) & 63
  let waits: { readonly of: 'login' | 'heartbeat' | 'logout'; readonly number: number } | null = null
  let reports: { readonly report: Report; readonly number: number }[] = []
  /** Rest of an answer in link fragments, or in blocks. */
  let fragments: { readonly parts: readonly Uint8Array[]; readonly client: number; next: number } | null = null
  let blocks: readonly Answered[] = []
  let answers = 0
  let acts: Act[] = []
  let now = options.since

  const next = (): number => {
    do number = (number + 1) & 63
    while (number === reports[0]?.number)
    return number
  }
  const isWaiting = (): boolean => reports.length > 0
  const piid = (asked: number): number => (asked & 0x3f) | (isWaiting() ? 0x40 : 0)

  const link = (kind: 0 | 1 | 2): Uint8Array => {
    const seconds = Math.max(1, Math.round(habits.heartbeatMs / 1000))
    next()
    waits = { of: (['login', 'heartbeat', 'logout'] as const)[kind], number }
    const pen = new Pen(15).byte(1).byte(number).byte(kind).wordHighFirst(Math.min(65_535, seconds))
    return frame698(CLIENT.link, address, 0, longTime(pen, clock.own(now)).done())
  }

  const act = (asked: Frame698, { apdu, said, reach }: Answered): Act => {
    const [least, most] = reach === 'line' ? habits.plcMs : habits.answerMs
    const delayMs = Math.round(least + (most - least) * fraction(options.seed, numberOf(id), ++answers))
    const frames = [framed(apdu, asked.client)]
    return { kind: 'answer', request: asked.whole, frames, said, reach: reach ?? 'memory', delayMs }
  }
  /** One frame, or the first fragment (分帧) of several. */
  const framed = (apdu: Uint8Array, client: number): Uint8Array => {
    if (apdu.length <= room) return frame698(CLIENT.answer, address, client, apdu)
    const parts: Uint8Array[] = []
    for (let at = 0; at < apdu.length; at += room - 2) parts.push(apdu.subarray(at, at + room - 2))
    fragments = { parts, client, next: 1 }
    return fragment(parts, 0, client)
  }
  const fragment = (parts: readonly Uint8Array[], at: number, client: number): Uint8Array => {
    const kind = at === 0 ? 0 : at === parts.length - 1 ? 1 : 3
    const part = parts[at]!
    const pen = new Pen(part.length + 2).word((at & 0xfff) | (kind << 14)).put(part)
    return frame698(CLIENT.answer | FRAGMENT, address, client, pen.done())
  }

  const plain = (pen: Pen): Answered => ({ apdu: pen.put(TRAILER).done(), said: [] })
  const data = (): DataSource => ({ ...source, orders: ordersNow(options.orders(), id, now) })

  /** Result of one object of the terminal, or of a meter that is asked itself. */
  const result = (pen: Pen, oad: string, meter: WiredMeter | null, said: Said[]): void => {
    pen.put(bytesOfHex(oad))
    const place = pen.length
    pen.byte(1)
    if (!meter && own.put(pen, oad, now)) return
    const of = meter ?? wiring.at(0)
    const instrument = of && wiring.instrument(of)
    const shows = instrument ? instrument.ownTime(now) : now
    if (
      instrument &&
      !data().orders.unread &&
      putObject(pen, oad, { instrument, at: now, own: shows, kind: 'live', said: options.recording ? said : null })
    )
      return
    pen.cut(place)
    pen.byte(0).byte(DAR.undefined)
  }

  const get: Work = (from) => {
    const choice = from.byte()
    const id63 = from.byte()
    const said: Said[] = []
    const pen = new Pen(256).byte(0x85).byte(choice).byte(piid(id63))
    if (choice === 1) result(pen, from.oad(), null, said)
    else if (choice === 2) {
      const count = from.byte()
      pen.byte(count)
      for (let left = count; left > 0; left--) result(pen, from.oad(), null, said)
    } else if (choice === 3 || choice === 4) {
      const count = choice === 4 ? from.byte() : 1
      const records = Array.from({ length: count }, () => recordOf698(from)).filter((one) => one !== null)
      if (records.length < count) return refused(pen, choice === 4)
      return manyRows(id63, choice, records)
    } else if (choice === 5) {
      const last = from.word()
      const block = blocks[last]
      return block ?? plain(pen.byte(1).wordHighFirst(last).byte(0).byte(DAR.block))
    } else return null
    return { apdu: pen.put(TRAILER).done(), said }
  }
  const refused = (pen: Pen, isList: boolean): Answered =>
    plain(isList ? pen.byte(0) : pen.put([0, 0, 0, 0]).byte(0).byte(0).byte(DAR.other))

  /** Rows of records: in one APDU, in link fragments, or in blocks of choice 5. */
  const manyRows = (id63: number, choice: number, records: readonly Record698[]): Answered => {
    const from = data()
    const filled = records.map((record) => ({
      record,
      rows: own.record(record, clock.own(now)) ?? rowsOf(from, record, now, habits.flatRecords, options.recording),
    }))
    const made = recordAnswers(filled, { choice, piid: piid(id63), room, isBlocked: habits.blocks === 'next' })
    // A master names the last block it has; the first one has number 1, so the one behind it stands under its number.
    blocks = made
    return made[0]!
  }

  const set: Work = (from) => {
    const choice = from.byte()
    const id63 = from.byte()
    if (choice !== 1 && choice !== 2) return null
    const count = choice === 2 ? from.byte() : 1
    const pen = new Pen(64).byte(0x86).byte(choice).byte(piid(id63))
    if (choice === 2) pen.byte(count)
    for (let left = count; left > 0 && !from.broken; left--) {
      const oad = from.oad()
      pen.put(bytesOfHex(oad)).byte(own.set(oad, from.data(), now))
    }
    return plain(pen)
  }
  const action: Work = (from) => {
    const choice = from.byte()
    const id63 = from.byte()
    if (choice !== 1) return null
    const omd = from.oad()
    const pen = new Pen(16)
      .byte(0x87)
      .byte(1)
      .byte(piid(id63))
      .put(bytesOfHex(omd))
      .byte(own.act(omd, from.data(), now))
      .byte(0)
    return plain(pen)
  }

  const proxy: Work = (from) => {
    const choice = from.byte()
    const id63 = from.byte()
    const pen = new Pen(128).byte(0x89).byte(choice).byte(piid(id63))
    if (choice === 7) return transparent(from, pen)
    if (choice !== 1 && choice !== 2) return null
    from.word()
    const said: Said[] = []
    if (choice === 2) {
      const meter = wiring.byAddress(from.target())
      const record = recordOf698(from)
      if (!record) return null
      target(pen, meter?.address ?? '000000000000')
      const rows =
        meter && source.reach(meter.id, now) <= now ? rowsOf(data(), record, now, habits.flatRecords, options.recording, meter) : null
      if (rows) putRows(pen, record, rows)
      else recordHead(pen, record).byte(0).byte(DAR.timeout)
      return { apdu: pen.put(TRAILER).done(), said: (rows ?? []).flatMap((row) => row.said), reach: 'line' }
    }
    const count = from.byte()
    pen.byte(count)
    for (let left = count; left > 0 && !from.broken; left--) {
      const asked = from.target()
      const meter = wiring.byAddress(asked)
      from.word()
      const objects = Array.from({ length: from.byte() }, () => from.oad())
      target(pen, asked).byte(objects.length)
      for (const oad of objects) {
        if (meter && source.reach(meter.id, now) <= now) result(pen, oad, meter, said)
        else pen.put(bytesOfHex(oad)).byte(0).byte(DAR.timeout)
      }
    }
    return { apdu: pen.put(TRAILER).done(), said, reach: 'line' }
  }
  const transparent = (from: Reader, pen: Pen): Answered | null => {
    const port = from.oad()
    from.take(5)
    from.word()
    from.word()
    const bytes = from.take(counted(from))
    if (from.broken) return null
    told({ at: now, what: 'forward', detail: `port ${port} ${hex(bytes)}` })
    const isPlc = port.startsWith('F209')
    const got = passOn(bytes, { now, wiring, reach: source.reach, fits: (meter) => (meter.port === 31) === isPlc })
    const isLost = isPlc && fraction(options.seed, numberOf(id), 31, ++answers) < habits.plcLoss
    pen.put(bytesOfHex(port))
    if (!got || isLost) {
      if (habits.plcSilence === 'silence') return null
      return { ...plain(pen.byte(0).byte(DAR.timeout)), reach: 'line' }
    }
    length(pen.byte(1), got.frame.length).put(got.frame)
    return { apdu: pen.put(TRAILER).done(), said: got.said, reach: 'line' }
  }

  const connectLink: Work = (from) => {
    const id63 = from.byte()
    const pen = new Pen(96).byte(0x82).byte(piid(id63)).put(Buffer.from('GTSM1.07150626V1.0250301        ', 'latin1'))
    const version = from.take(2)
    pen.put(version).put(from.take(8)).put(from.take(16)).put(from.take(7)).put(from.take(4))
    return plain(pen.byte(0).byte(0))
  }
  const security: Work = (from, asked) => {
    if (from.byte() !== 0) return null
    const inner = from.take(counted(from))
    const answer = work(inner, asked)
    if (!answer) return null
    const pen = new Pen(answer.apdu.length + 12).byte(0x90).byte(0)
    length(pen, answer.apdu.length)
    const sum = check(answer.apdu)
    return { ...answer, apdu: pen.put(answer.apdu).byte(1).byte(0).byte(4).wordHighFirst(sum).wordHighFirst(sum).done() }
  }

  const WORKS: Readonly<Record<number, Work>> = { 2: connectLink, 5: get, 6: set, 7: action, 9: proxy, 16: security }
  const work = (apdu: Uint8Array, asked: Frame698): Answered | null => {
    const from = reader(apdu)
    const tag = from.byte()
    if (tag === 3) return plain(new Pen(8).byte(0x83).byte(piid(from.byte())).byte(0))
    const done = WORKS[tag]?.(from, asked) ?? null
    return from.broken ? null : done
  }

  const hear = (asked: Frame698): void => {
    if (asked.kind === 0 && asked.address !== address && !/^A+$/.test(asked.address)) return
    if ((asked.control & FRAGMENT) !== 0) {
      const head = asked.apdu[0]! | (asked.apdu[1]! << 8)
      if (head >> 14 === 2 && fragments && (head & 0xfff) === fragments.next - 1 && fragments.next < fragments.parts.length) {
        const { parts, client } = fragments
        const frames = [fragment(parts, fragments.next, client)]
        fragments.next++
        acts.push({ kind: 'answer', request: asked.whole, frames, said: [], reach: 'memory', delayMs: 0 })
      }
      return
    }
    const tag = asked.apdu[0]
    if (tag === 0x81) {
      if (waits?.number === (asked.apdu[1]! & 0x3f) && (asked.apdu[2]! & 7) === 0) {
        acts.push({ kind: 'confirmed', of: waits.of })
        waits = null
      }
      return
    }
    if (tag === 8) {
      const head = reports[0]
      if (head && head.number === (asked.apdu[2]! & 0x3f)) {
        reports = reports.slice(1)
        told({ at: now, what: 'report-confirmed', detail: head.report.name })
        acts.push({ kind: 'confirmed', of: 'report' })
      }
      return
    }
    const answer = work(asked.apdu, asked)
    if (answer && asked.kind !== 3) acts.push(act(asked, answer))
  }

  /** Says a record by itself until it is answered. */
  const report = (name: string, record: Pick<Record698, 'oad' | 'columns'>, rows: readonly Row698[]): void => {
    if (!habits.reports) return
    next()
    const pen = new Pen(256)
      .byte(0x88)
      .byte(2)
      .byte(number | 0x40)
      .byte(1)
    putRows(pen, record, rows)
    const frames = [frame698(CLIENT.report, address, 0x10, pen.put(TRAILER).done())]
    reports.push({ report: { name, frames, said: rows.flatMap(({ said }) => said) }, number })
  }

  let ear = listen698(hear)
  return {
    connected() {
      ear = listen698(hear)
      waits = null
      fragments = null
    },
    login(at) {
      now = at
      return link(0)
    },
    heartbeat(at) {
      now = at
      return link(1)
    },
    logout(at) {
      now = at
      return link(2)
    },
    take(bytes, at) {
      now = at
      acts = []
      ear.take(bytes)
      const done = acts
      acts = []
      return done
    },
    report(at) {
      now = at
      return reports[0]?.report ?? null
    },
    due: () => Number.POSITIVE_INFINITY,
    raise(order: EventOrder, at) {
      now = at
      const meter = order.meter === undefined ? null : meterOf(wiring, order.meter)
      const record = own.event(order, meter, clock.own(order.at ?? at))
      report(`event ${order.code.toString(16)}`, record, [{ bytes: record.row, said: [] }])
    },
    upload(items, at) {
      now = at
      const objects = items.flatMap((item) => (typeof item === 'string' ? [item] : []))
      const columns: Column698[] = [
        { oad: '202A0200', inside: null },
        { oad: '50040200', inside: ['20210200', ...objects] },
      ]
      const record: Record698 = { oad: '60120300', columns, meters: 'all', when: { last: 1, count: 1 } }
      const rows = rowsOf(data(), record, at, habits.flatRecords, options.recording)
      let here: Row698[] = []
      let bytes = 0
      for (const row of rows) {
        if (bytes + row.bytes.length > room - 80 && here.length > 0) {
          report('record 60120300', record, here)
          here = []
          bytes = 0
        }
        here.push(row)
        bytes += row.bytes.length
      }
      if (here.length > 0) report('record 60120300', record, here)
    },
    setClock(at, offsetMs) {
      clock.set(at, at + offsetMs)
    },
    heartbeatMs: () => null,
    rebooted(from, to) {
      now = to
      this.raise({ code: 0x3106, at: from, edge: 'end' }, to)
      waits = null
    },
    craft: {
      readdress: readdress698,
      refunction: refunction698,
      refuse(request, code) {
        const place = apduPlace(request)
        const tag = request[place] ?? 5
        const pen = new Pen(16)
          .byte(tag | 0x80)
          .byte(1)
          .byte(request[place + 2] ?? 0)
          .put(request.subarray(place + 3, place + 7))
        return frame698(
          CLIENT.answer,
          address,
          request[place - 3] ?? 0,
          pen
            .byte(0)
            .byte(code ?? DAR.refused)
            .put(TRAILER)
            .done(),
        )
      },
    },
  }
}
