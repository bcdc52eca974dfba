import { createWriteStream } from 'node:fs'
import { extname } from 'node:path'
import { Writable } from 'node:stream'
import { CommandFailed, complain, EXIT, print, untilInterrupted } from './output.ts'

export interface TraceArguments {
  readonly url: string
  readonly token?: string
  readonly for?: number
  readonly json?: boolean
  readonly meter?: string
  readonly direction?: string
  readonly fields?: boolean
  readonly out?: string
}

/** Format of the API by the ending of a file's name. */
const FORMATS: Readonly<Record<string, string>> = { '.txt': 'plain', '.jsonl': 'jsonl', '.pcap': 'pcap' }

/** `gridtally trace`: what passes on a line of the running gateway, without disturbing it. */
export const trace = async (line: string | undefined, args: TraceArguments): Promise<void> => {
  const interrupted = untilInterrupted()
  const token = args.token ?? process.env.GRIDTALLY_TOKEN
  if (!token)
    throw new CommandFailed(
      'a token is needed: --token gt_…, or GRIDTALLY_TOKEN in the environment; gridtally token add makes one',
      EXIT.usage,
    )
  // Held by a timer of our own: a combined signal may be collected before it is raised.
  const over = new AbortController()
  const { signal } = over
  interrupted.addEventListener('abort', () => over.abort())
  const timer = args.for === undefined ? null : setTimeout(() => over.abort(), args.for)
  const address = addressOf(line, args)
  try {
    const response = await fetch(address, { headers: { authorization: `Bearer ${token}` }, signal })
    if (!response.ok || !response.body) throw new CommandFailed(`${args.url} answered ${response.status}: ${await problemOf(response)}`)
    if (args.out !== undefined) return await save(response.body, args.out, signal)
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of response.body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const each of lines) if (each.trim() !== '') print(args.json ? each : readable(each))
    }
  } catch (error) {
    if (signal.aborted) return
    if (error instanceof CommandFailed) throw error
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new CommandFailed(`${args.url} cannot be reached: ${cause}; is gridtally run under way, and is that its address?`)
  } finally {
    if (timer) clearTimeout(timer)
  }
}

const addressOf = (line: string | undefined, { url, meter, direction, fields, out }: TraceArguments): URL => {
  if (line === undefined && meter === undefined) throw new CommandFailed('a line or --meter is needed: what is to be traced?', EXIT.usage)
  const format = out === undefined ? 'text' : FORMATS[extname(out).toLowerCase()]
  if (format === undefined)
    throw new CommandFailed(`--out ${out}: the name has to end in ${Object.keys(FORMATS).join(', ')}; that chooses the format`, EXIT.usage)
  const path = line === undefined ? `meters/${encodeURIComponent(meter ?? '')}` : `lines/${encodeURIComponent(line)}`
  const address = new URL(`/api/v1/${path}/trace`, url)
  address.searchParams.set('format', format)
  if (line !== undefined && meter !== undefined) address.searchParams.set('meter', meter)
  if (direction !== undefined) address.searchParams.set('direction', direction)
  if (fields) address.searchParams.set('fields', '1')
  return address
}

/** Every byte as it comes; Ctrl-C leaves a file that is whole to its last frame. */
const save = async (body: ReadableStream<Uint8Array>, file: string, signal: AbortSignal): Promise<void> => {
  const out = createWriteStream(file)
  await new Promise<void>((resolve, reject) => out.once('open', () => resolve()).once('error', reject)).catch((error: unknown) => {
    throw new CommandFailed(`--out ${file}: ${error instanceof Error ? error.message : String(error)}`)
  })
  let bytes = 0
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      bytes += chunk.length
      controller.enqueue(chunk)
    },
  })
  try {
    await body.pipeThrough(counted).pipeTo(Writable.toWeb(out), { preventAbort: true })
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await new Promise<void>((resolve) => out.end(() => resolve()))
    complain(`${file}: ${bytes} bytes`)
  }
}

const problemOf = async (response: Response): Promise<string> => {
  const body: unknown = await response.json().catch(() => null)
  if (typeof body !== 'object' || body === null) return response.statusText
  const detail = 'detail' in body ? String(body.detail) : response.statusText
  return 'hint' in body ? `${detail}; ${String(body.hint)}` : detail
}

/** `12:00:00.123 tx  68 … description` of one JSON object a line, and its fields below. */
const readable = (line: string): string => {
  const frame: unknown = JSON.parse(line)
  if (typeof frame !== 'object' || frame === null) return line
  if (!('hex' in frame)) return Object.values(frame).map(String).join(' ')
  const took = memberOf(frame, 'tookMs')
  const head = `${memberOf(frame, 'at').slice(11, 23)} ${memberOf(frame, 'direction').padEnd(9)} ${memberOf(frame, 'hex')}${took ? ` +${took} ms` : ''}  ${memberOf(frame, 'description')}`
  const fields = 'fields' in frame && Array.isArray(frame.fields) ? frame.fields.map(fieldText) : []
  const wrong = 'error' in frame && typeof frame.error === 'object' && frame.error !== null ? frame.error : null
  const error =
    wrong === null
      ? []
      : [
          `    error ${memberOf(wrong, 'code')} at byte ${memberOf(wrong, 'offset')}: ${memberOf(wrong, 'message')}; ${memberOf(wrong, 'hint')}`,
        ]
  return [head, ...fields, ...error].join('\n')
}

const fieldText = (field: unknown): string =>
  typeof field === 'object' && field !== null
    ? `    ${memberOf(field, 'offset').padStart(4)}  ${memberOf(field, 'hex').padEnd(24)}  ${memberOf(field, 'name')}: ${memberOf(field, 'meaning')}`
    : ''

const memberOf = (object: object, name: string): string => String(Object.entries(object).find(([key]) => key === name)?.[1] ?? '')
