import { CommandFailed, EXIT, print, untilInterrupted } from './output.ts'

export interface TraceArguments {
  readonly url: string
  readonly token?: string
  readonly for?: number
  readonly json?: boolean
}

/** `gridtally trace`: what passes on a line of the running gateway, without disturbing it. */
export const trace = async (line: string, args: TraceArguments): Promise<void> => {
  const interrupted = untilInterrupted()
  const token = args.token ?? process.env.GRIDTALLY_TOKEN
  if (!token)
    throw new CommandFailed(
      'a token is needed: --token gt_…, or GRIDTALLY_TOKEN in the environment; gridtally token add makes one',
      EXIT.usage,
    )
  const signal = args.for === undefined ? interrupted : AbortSignal.any([interrupted, AbortSignal.timeout(args.for)])
  const address = new URL(`/api/v1/lines/${encodeURIComponent(line)}/trace?format=text`, args.url)
  try {
    const response = await fetch(address, { headers: { authorization: `Bearer ${token}` }, signal })
    if (!response.ok || !response.body) throw new CommandFailed(`${args.url} answered ${response.status}: ${await problemOf(response)}`)
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
  }
}

const problemOf = async (response: Response): Promise<string> => {
  const body: unknown = await response.json().catch(() => null)
  if (typeof body !== 'object' || body === null) return response.statusText
  const detail = 'detail' in body ? String(body.detail) : response.statusText
  return 'hint' in body ? `${detail}; ${String(body.hint)}` : detail
}

/** `12:00:00.123 tx  68 … description` of one JSON object a line. */
const readable = (line: string): string => {
  const frame: unknown = JSON.parse(line)
  if (typeof frame !== 'object' || frame === null) return line
  const member = (name: string): string => String(Object.entries(frame).find(([key]) => key === name)?.[1] ?? '')
  if (!('hex' in frame)) return Object.values(frame).map(String).join(' ')
  return `${member('at').slice(11, 23)} ${member('direction').padEnd(9)} ${member('hex')}  ${member('description')}`
}
