import { adapterOf, explainTraced, type TracedBytes, terminalAdapterOf } from '../../protocols/index.ts'
import { type Deframer, explain, isDiscarded } from '../core/index.ts'
import type { Line } from './line.ts'
import type { TraceEvent } from './trace.ts'
import { type HiddenBytes, hasSecrets, hiddenIn, withoutHidden } from './trace-secrets.ts'

/**
 * One frame of a line as people may see it, or bytes that were none. Secrets are gone: their bytes are zero and named in `hidden`.
 */
export interface TracedExchangeFrame {
  readonly line: string
  /** When its last byte had come, or its first one left. Milliseconds since 1970 UTC. */
  readonly at: number
  readonly what: TraceEvent['what']
  readonly protocol: string | null
  readonly device: string | null
  readonly bytes: Uint8Array
  readonly hidden: readonly HiddenBytes[]
  /** One line about it. */
  readonly text: string
  /** Of an answer: milliseconds since its request left. */
  readonly tookMs: number | null
  /** Every field, worked out when somebody asks; null for bytes that are no frame. */
  explained(): Pick<TracedBytes, 'fields' | 'error' | 'address' | 'isResponse'> | null
}

/** Half a frame that does not go on is shown after this, milliseconds. */
const HOLD_MS = 1000
/** Requests under way whose answers are waited for, on lines that number them. */
const MOST_WAITING = 1024
/** Bytes held for a frame to become whole; no protocol of a bus has longer ones. */
const MOST_HELD = 2048

interface Asked {
  readonly at: number
  readonly device: string | null
}

/** Cuts what comes into frames, so that a chunk of bytes never shows half a password; puts answers to their requests. */
export class FrameTrace {
  readonly #listener: (frame: TracedExchangeFrame) => void
  readonly #deframers = new Map<string, Cutter>()
  #held: number[] = []
  #heldFrom: TraceEvent | null = null
  /** Frames of this turn: whether they answer anything is said right after they came. */
  #fresh: TracedExchangeFrame[] = []
  #asked: Asked | null = null
  readonly #waiting = new Map<number, Asked>()
  #afterSecret = false
  #timer: NodeJS.Timeout | null = null
  #isOver = false

  constructor(listener: (frame: TracedExchangeFrame) => void) {
    this.#listener = listener
  }

  hear(event: TraceEvent): void {
    if (this.#isOver) return
    const { what, again, protocol, bytes } = event
    if (again) this.#judge(event)
    else if (what === 'note') {
      this.#giveUp()
      this.#give(noteFrame(event))
    } else if (what === 'tx') {
      this.#giveUp()
      this.#sent(event)
    } else if (what === 'echo') this.#give(wholeFrame(event, 'request', null))
    else if (protocol === null || cutterOf(protocol, this.#deframers) === null) this.#give(this.#noise(event, bytes, event.text))
    else this.#feed(event, protocol)
  }

  /** Shows what is held, then nothing more. */
  close(): void {
    this.#giveUp()
    this.#release()
    this.#isOver = true
  }

  #sent(event: TraceEvent): void {
    const { protocol, bytes, at, device } = event
    this.#asked = { at, device }
    if (protocol === 'modbus-tcp') {
      if (this.#waiting.size >= MOST_WAITING) this.#waiting.clear()
      this.#waiting.set(transactionOf(bytes), this.#asked)
    }
    this.#afterSecret = protocol !== null && hasSecrets(protocol, bytes)
    this.#give(wholeFrame(event, 'request', null))
  }

  /** Byte for byte: only so it is known which bytes a frame was made of. */
  #feed(event: TraceEvent, protocol: string): void {
    const cutter = cutterOf(protocol, this.#deframers)
    if (!cutter) return
    this.#heldFrom = event
    for (const byte of event.bytes) {
      this.#held.push(byte)
      const items = cutter.push(byte)
      for (const [index, item] of items.entries()) {
        if (item !== null) this.#noiseUpTo(event, item.bytes, item.why)
        else if (index === items.length - 1) this.#whole(event)
      }
      if (this.#held.length > cutter.most) this.#noiseUpTo(event, Uint8Array.from(this.#held), 'no frame')
    }
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#held.length === 0) return
    this.#timer = setTimeout(() => this.#giveUp(), HOLD_MS)
    this.#timer.unref()
  }

  /** What is held is one frame. */
  #whole(event: TraceEvent): void {
    const bytes = Uint8Array.from(this.#held)
    this.#held = []
    const asked =
      event.protocol === 'modbus-tcp'
        ? this.#waiting.get(transactionOf(bytes))
        : event.what === 'stray' || speaksByItself(event.protocol)
          ? null
          : this.#asked
    if (event.protocol === 'modbus-tcp') this.#waiting.delete(transactionOf(bytes))
    else if (event.what === 'rx') this.#asked = null
    const device = event.device ?? asked?.device ?? null
    this.#give(wholeFrame({ ...event, bytes, device }, 'response', asked ? event.at - asked.at : null))
  }

  /** The first bytes held, up to the end of those a deframer threw away: wake-up bytes in front of them are dropped silently. */
  #noiseUpTo(event: TraceEvent, thrown: Uint8Array, why: string): void {
    const held = Uint8Array.from(this.#held)
    const found = Buffer.from(held).indexOf(thrown)
    const size = found < 0 ? Math.min(thrown.length, held.length) : found + thrown.length
    this.#held = this.#held.slice(size)
    if (size > 0) this.#give(this.#noise(event, held.subarray(0, size), why))
  }

  #noise(event: TraceEvent, bytes: Uint8Array, why: string): TracedExchangeFrame {
    const hidden = hiddenIn(event.protocol, bytes, this.#afterSecret)
    const { line, at, device, protocol, what } = event
    return {
      ...{ line, at, device, protocol, hidden, tookMs: null },
      what: what === 'rx' ? 'discarded' : what,
      bytes: withoutHidden(bytes, hidden),
      text: hidden.length > 0 ? 'no frame; what may be a password is hidden' : why,
      explained: () => null,
    }
  }

  /** Half a frame: it will not become whole any more. */
  #giveUp(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    for (const cutter of this.#deframers.values()) cutter.flush()
    const from = this.#heldFrom
    this.#heldFrom = null
    if (from === null || this.#held.length === 0) return
    const bytes = Uint8Array.from(this.#held)
    this.#held = []
    this.#give(this.#noise(from, bytes, `${bytes.length} bytes that never became a frame`))
  }

  #judge({ what, text }: TraceEvent): void {
    const last = this.#fresh.at(-1)
    if (what !== 'stray' || last === undefined) return
    this.#fresh[this.#fresh.length - 1] = { ...last, what: 'stray', tookMs: null, text: `${last.text}; ${text}` }
  }

  #give(frame: TracedExchangeFrame): void {
    this.#fresh.push(frame)
    if (this.#fresh.length === 1) queueMicrotask(() => this.#release())
  }

  #release(): void {
    if (this.#isOver) return
    for (const frame of this.#fresh.splice(0)) this.#listener(frame)
  }
}

/** Frames of a line, until the function it returns is called. */
export const traceFrames = (line: Pick<Line, 'trace'>, listener: (frame: TracedExchangeFrame) => void): (() => void) => {
  const trace = new FrameTrace(listener)
  const stop = line.trace((event) => trace.hear(event))
  return () => {
    stop()
    trace.close()
  }
}

const transactionOf = (bytes: Uint8Array): number => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)

const noteFrame = ({ line, at, what, text, device, protocol, bytes }: TraceEvent): TracedExchangeFrame => ({
  ...{ line, at, what, text, device, protocol, bytes, hidden: [], tookMs: null },
  explained: () => null,
})

const wholeFrame = (event: TraceEvent, direction: 'request' | 'response', tookMs: number | null): TracedExchangeFrame => {
  const { line, at, what, device, protocol, text } = event
  const explained = protocol === null ? null : explainTraced(protocol, event.bytes, direction)
  const said = protocol !== null && text === '' ? describe(protocol, event.bytes) : text
  return {
    ...{ line, at, what, device, protocol, tookMs },
    bytes: explained?.bytes ?? event.bytes,
    hidden: explained?.hidden ?? [],
    text: said,
    explained: () => explained,
  }
}

const ADAPTERS: Readonly<Record<string, readonly [protocol: string, framing: 'tcp' | 'rtu' | 'ascii']>> = {
  'modbus-tcp': ['modbus', 'tcp'],
  'modbus-rtu': ['modbus', 'rtu'],
  'modbus-ascii': ['modbus', 'ascii'],
}

/** The adapter with this id. */
export const adapterById = (id: string) => {
  const [protocol, framing] = ADAPTERS[id] ?? [id, 'rtu']
  return adapterOf(protocol, framing)
}

/** A terminal says things in between, and what answers what is known by numbers only its session keeps. */
const speaksByItself = (protocol: string | null): boolean => protocol !== null && terminalAdapterOf(protocol) !== null

const describe = (protocol: string, bytes: Uint8Array): string =>
  adapterById(protocol)?.bind((adapter) => adapter.describe(bytes, 'rx')) ??
  terminalAdapterOf(protocol)?.bind((adapter) => adapter.describe(bytes, 'rx')) ??
  ''

/** A deframer that says for each byte what became whole (null) or was thrown away. */
interface Cutter {
  /** Longest frame it can hold. */
  readonly most: number
  push(byte: number): readonly ({ readonly bytes: Uint8Array; readonly why: string } | null)[]
  flush(): void
}

const cutterOf = (protocol: string, known: Map<string, Cutter>): Cutter | null => {
  const before = known.get(protocol)
  if (before) return before
  const made =
    adapterById(protocol)?.bind((adapter) => cutter(adapter.deframer(), MOST_HELD)) ??
    terminalAdapterOf(protocol)?.bind((adapter) => cutter(adapter.deframer(), adapter.longestFrame)) ??
    null
  if (made) known.set(protocol, made)
  return made
}

const cutter = <Frame extends object>(deframer: Deframer<Frame>, most: number): Cutter => ({
  most,
  push: (byte) =>
    deframer.push(Uint8Array.of(byte)).map((item) => (isDiscarded(item) ? { bytes: item.discarded, why: explain(item.error) } : null)),
  flush: () => void deframer.flush(),
})
