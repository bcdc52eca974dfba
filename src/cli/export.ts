import { createHash } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { type Static, Type } from 'typebox'
import { EXPORT_STATES } from '../api/index.ts'
import { EXPORT_FORMATS } from '../export/index.ts'
import { type Access, askApi, askWhole, GatewayAway, withAccess } from './gaps.ts'
import { aborted, CommandFailed, complain, EXIT, print, printJson, table, untilInterrupted } from './output.ts'

const Job = Type.Object({
  id: Type.Integer(),
  state: Type.Union(EXPORT_STATES.map((state) => Type.Literal(state))),
  rows: Type.Integer(),
  bytes: Type.Integer(),
  percent: Type.Union([Type.Number(), Type.Null()]),
  starts: Type.Integer(),
  keptRows: Type.Integer(),
  changed: Type.Union([Type.Boolean(), Type.Null()]),
  file: Type.Union([Type.Object({ name: Type.String(), sha256: Type.String(), url: Type.String() }), Type.Null()]),
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }), Type.Null()]),
})
type JobAnswer = Static<typeof Job>
const Results = Type.Object({
  items: Type.Array(Type.Object({ name: Type.String(), summary: Type.String(), permission: Type.String(), query: Type.Unknown() })),
})

interface ExportArguments extends Access {
  readonly format: string
  readonly language: string
  readonly out?: string
  readonly from?: string
  readonly to?: string
  readonly point?: readonly string[]
  readonly area?: readonly string[]
  readonly zone?: string
  readonly registers?: string
  readonly with?: readonly string[]
  readonly force?: boolean
}

/** `gridtally export …`: any table of a running gateway as a file. */
export const exportCommands = (program: Command): void => {
  withAccess(
    program
      .command('export')
      .description('a table of the running gateway as a file, all rows; without a name: what there is')
      .argument('[result]', 'name of a result: readings, energy, loss, series, cases, gaps, points …')
      .addOption(new Option('--format <format>', 'form of the file').choices([...EXPORT_FORMATS]).default('csv'))
      .addOption(new Option('--language <language>', 'language of the heads').choices(['en', 'zh']).default('en'))
      .option('--out <file>', 'where to; absent: the name the gateway gives it, in this folder')
      .option('--from <instant>', 'start: 2026-11-01T00:00:00+08:00')
      .option('--to <instant>', 'end, exclusive')
      .option('--point <id...>', 'only these metering points')
      .option('--area <id...>', 'only these areas')
      .option('--zone <id>', 'only the areas of this zone')
      .option('--registers <codes>', 'only these, with commas between: 1.8.0,2.8.0')
      .option('--with <name=value...>', 'further members of the question, as in an address: period=day')
      .option('--force', 'write over a file that is there'),
  ).action(async (result: string | undefined, options: ExportArguments) =>
    result === undefined ? list(options) : fetchFile(result, options),
  )
}

const list = async (access: Access): Promise<void> => {
  const { items } = await askWhole(access, '/results', Results)
  if (access.json) return printJson(items)
  print(table(items.map(({ name, summary, permission }) => [name, permission, summary])))
}

const questionOf = ({ from, to, point, area, zone, registers, with: more = [] }: ExportArguments): Record<string, string | string[]> => {
  const question: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries({ from, to, zone, registers })) if (value !== undefined) question[name] = value
  if (point) question.point = [...point]
  if (area) question.area = [...area]
  for (const one of more) {
    const [name = '', ...rest] = one.split('=')
    if (name === '' || rest.length === 0) throw new CommandFailed(`--with ${one}: a name, = and a value: period=day`, EXIT.usage)
    const known = question[name]
    question[name] = known === undefined ? rest.join('=') : [...[known].flat(), rest.join('=')]
  }
  return question
}

const LOOK_MS = 500
/** A gateway that is restarted is waited for so long. */
const AWAY_MS = 600_000

/** Tries again while the gateway is away; what it had made goes on when it is back. */
const patiently = async <Answer>(stop: AbortSignal, ask: () => Promise<Answer>): Promise<Answer> => {
  for (let since: number | null = null; ; ) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof GatewayAway) || stop.aborted) throw error
      if (since === null) complain(`${error.message}; waiting for it`)
      since ??= performance.now()
      if (performance.now() - since > AWAY_MS) throw error
      await aborted(stop, LOOK_MS)
    }
  }
}

const fetchFile = async (result: string, options: ExportArguments): Promise<void> => {
  const { format, language, out, force = false, json = false } = options
  if (out !== undefined && !force && existsSync(out)) throw new CommandFailed(`${out} is there: name another file, or --force`, EXIT.usage)
  const stop = untilInterrupted()
  let job: JobAnswer = await askApi(options, '/exports', Job, { result, query: questionOf(options), format, language })
  try {
    while (job.state === 'waiting' || job.state === 'running') {
      if (!json && process.stderr.isTTY) process.stderr.write(`\r${progressOf(job)}\u001b[K`)
      await aborted(stop, LOOK_MS)
      if (stop.aborted) throw new CommandFailed('interrupted: the export is cancelled, and there is no file')
      const { id } = job
      job = await patiently(stop, () => askApi(options, `/exports/${id}`, Job))
    }
    if (!json && process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    if (job.state !== 'done' || !job.file)
      throw new CommandFailed(`the export ${job.state}${job.error ? `: ${job.error.code} ${job.error.message}; ${job.error.hint}` : ''}`)
    const path = out ?? job.file.name
    if (!force && existsSync(path)) throw new CommandFailed(`${path} is there: name another file with --out, or --force`, EXIT.usage)
    await download(options, job, path, stop)
    if (job.starts > 1)
      complain(
        `the gateway was restarted meanwhile: the file was ${job.keptRows > 0 ? `gone on with after row ${job.keptRows}` : 'begun again'}, and is whole`,
      )
    if (job.changed)
      complain('something of what is in the file came or changed while it was written, and is not in it: ask again for one that has it')
    if (json) printJson({ file: path, rows: job.rows, bytes: job.bytes, sha256: job.file.sha256 })
    else print(`${path}  ${job.rows} rows  ${job.bytes} bytes  sha256 ${job.file.sha256}`)
  } finally {
    await remove(options, job.id)
  }
}

const progressOf = ({ state, rows, bytes, percent }: JobAnswer): string =>
  state === 'waiting' ? 'waits' : `${rows} rows  ${(bytes / 1_048_576).toFixed(1)} MB${percent === null ? '' : `  ${percent} %`}`

/** Under another name until it is whole and what its digest says. A connection that breaks is gone on with where it did. */
const download = async (
  { url, token = process.env.GRIDTALLY_TOKEN }: Access,
  { file }: JobAnswer,
  path: string,
  signal: AbortSignal,
): Promise<void> => {
  if (!file) return
  const part = `${path}.part`
  const out = await open(part, 'w')
  let hash = createHash('sha256')
  let bytes = 0
  const fetchRest = async (): Promise<void> => {
    const headers = {
      authorization: `Bearer ${token ?? ''}`,
      ...(bytes === 0 ? {} : { range: `bytes=${bytes}-`, 'if-range': `"${file.sha256}"` }),
    }
    const away = (error: unknown) => new GatewayAway(`the file cannot be fetched from ${url}: ${reasonOf(error)}`)
    const response = await fetch(new URL(file.url, url), { headers, signal }).catch((error: unknown) => {
      throw away(error)
    })
    if (response.status >= 500) throw away(`it answered ${response.status}`)
    if (!response.ok || response.body === null) throw new CommandFailed(`${url} answered ${response.status}`)
    if (response.status !== 206 && bytes > 0) {
      // It is the whole file, from its start.
      hash = createHash('sha256')
      bytes = 0
    }
    const body = response.body.getReader()
    for (;;) {
      const { done, value } = await body.read().catch((error: unknown) => {
        throw away(error)
      })
      if (done) return
      await writeAll(out, value, bytes)
      hash.update(value)
      bytes += value.length
    }
  }
  try {
    await patiently(signal, fetchRest)
    await out.truncate(bytes)
    await out.close()
    if (hash.digest('hex') !== file.sha256)
      throw new CommandFailed('the file that came is not the one the gateway made: its SHA-256 is another')
    await rename(part, path)
  } catch (error) {
    await out.close().catch(() => undefined)
    rmSync(part, { force: true })
    if (signal.aborted) throw new CommandFailed('interrupted: there is no file')
    if (error instanceof CommandFailed) throw error
    throw new CommandFailed(`the file could not be fetched: ${reasonOf(error)}`)
  }
}

const writeAll = async (out: FileHandle, piece: Uint8Array, at: number): Promise<void> => {
  for (let from = 0; from < piece.length; ) from += (await out.write(piece, from, piece.length - from, at + from)).bytesWritten
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** The gateway keeps nothing that was fetched. A gateway that is gone forgets it by itself. */
const remove = async ({ url, token = process.env.GRIDTALLY_TOKEN }: Access, id: number): Promise<void> => {
  try {
    const at = new URL(`/api/v1/exports/${id}`, url)
    await fetch(at, { method: 'DELETE', headers: { authorization: `Bearer ${token ?? ''}` }, signal: AbortSignal.timeout(10_000) })
  } catch {
    // It goes when its time is over.
  }
}
