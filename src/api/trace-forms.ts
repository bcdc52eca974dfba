import { type CaptureHead, frameLine, headLine, pcapWriter, textHead, textLine, type WritableFrame } from '../capture/index.ts'
import type { TracedFrame } from './trace-deps.ts'
import { frameJson } from './trace-json.ts'

/** How a live stream is written. An empty piece is nothing. */
export interface TraceForm {
  readonly type: string
  /** Headers leave with the first bytes: without them a client would not know that it is connected. */
  readonly opening: string | Uint8Array
  /** Keeps an idle connection open; null where the format has no room for it. */
  readonly beat: string | null
  frame(id: number, frame: TracedFrame): string | Uint8Array
  /** `dropped` with how many frames a slow client missed, `end` with the reason; null: the stream has to end instead. */
  say(id: number, event: 'dropped' | 'end', data: object): string | Uint8Array | null
}

const SSE = 'text/event-stream; charset=utf-8'
const LINES = 'application/x-ndjson; charset=utf-8'

const event = (id: number, name: string, data: object): string => `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`

export const sseForm = (withFields: boolean): TraceForm => ({
  type: SSE,
  opening: ': trace\n\n',
  beat: ': still here\n\n',
  frame: (id, frame) => event(id, 'frame', frameJson(frame, withFields)),
  say: (id, name, data) => event(id, name, data),
})

export const linesForm = (withFields: boolean): TraceForm => ({
  type: LINES,
  opening: '\n',
  beat: '\n',
  frame: (_id, frame) => `${JSON.stringify({ event: 'frame', ...frameJson(frame, withFields) })}\n`,
  say: (_id, name, data) => `${JSON.stringify({ event: name, ...data })}\n`,
})

/** A capture: the same bytes a file would have. */
export const captureForm = (format: 'plain' | 'jsonl' | 'pcap', head: CaptureHead, withFields: boolean, now: () => number): TraceForm => {
  if (format === 'pcap') {
    const writer = pcapWriter(head)
    return {
      type: 'application/vnd.tcpdump.pcap',
      opening: writer.head(),
      beat: null,
      frame: (_id, frame) => writer.frame(writable(frame)),
      // There is no packet that says that packets are missing.
      say: (_id, name) => (name === 'end' ? '' : null),
    }
  }
  const note = (text: string): WritableFrame => ({
    ...{ at: now(), what: 'note', protocol: null, device: null, bytes: new Uint8Array(0), hidden: [], text, tookMs: null },
  })
  const line = format === 'jsonl' ? frameLine : (frame: WritableFrame) => textLine(frame)
  return {
    type: format === 'jsonl' ? LINES : 'text/plain; charset=utf-8',
    opening: format === 'jsonl' ? headLine(head) : textHead(head),
    beat: '\n',
    frame: (_id, frame) => (format === 'plain' && withFields ? plainLine(frame) : line(writable(frame))),
    say: (_id, name, data) => line(note(`${name}: ${Object.values(data).join(' ')}`)),
  }
}

const plainLine = (frame: TracedFrame): string => {
  const explained = frame.explained?.() ?? null
  const wrong = explained?.error
  return textLine(
    writable(frame),
    explained?.fields ?? [],
    wrong ? `${wrong.code} at byte ${wrong.offset}: ${wrong.message}; ${wrong.hint}` : null,
  )
}

const writable = (frame: TracedFrame): WritableFrame => {
  const { at, direction, bytes, description, device, what, protocol, hidden, tookMs, topic, retained, payload } = frame
  return {
    ...{ at, what: what ?? direction, protocol: protocol ?? null, device: device ?? null, bytes: payload ?? bytes, hidden: hidden ?? [] },
    ...{ text: description, tookMs: tookMs ?? null },
    ...(topic === undefined ? {} : { topic, retained: retained ?? false }),
  }
}
