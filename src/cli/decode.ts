import { readFileSync } from 'node:fs'
import { DECODERS, explainFrame, JsonObject, judgeVectors, parseJson, type VectorResult } from '../../protocols/index.ts'
import { bytesOf, type Result } from '../core/index.ts'
import { builtInMappings, compiledMappings, openMappings } from '../gateway/mappings.ts'
import { openProfiles } from '../gateway/profiles.ts'
import { inflate } from '../gateway/push-sparkplug.ts'
import { judgePushVectors } from '../gateway/push-vectors.ts'
import { pushWorld } from '../gateway/push-world.ts'
import { CommandFailed, complain, EXIT, print, printJson } from './output.ts'

/** `gridtally decode`: a frame explained field by field. */
export const decode = (protocol: string, hex: string, options: { readonly json?: boolean; readonly direction?: string }): void => {
  if (!DECODERS.includes(protocol))
    throw new CommandFailed(`--protocol ${protocol} is not known; allowed: ${DECODERS.join(', ')}`, EXIT.usage)
  if (options.direction !== undefined && options.direction !== 'request' && options.direction !== 'response')
    throw new CommandFailed(`--direction ${options.direction}: allowed: request, response`, EXIT.usage)
  const bytes = bytesOf(hex)
  if (!bytes || bytes.length === 0) {
    const bad = /[^0-9a-fA-F\s,:x-]/.exec(hex)
    throw new CommandFailed(
      bad ? `HEX has "${bad[0]}" at character ${bad.index + 1}, which is no hexadecimal digit` : 'HEX must be pairs of hexadecimal digits',
      EXIT.usage,
    )
  }
  const explained = explainFrame(protocol, bytes, options.direction)
  if (options.json) printJson(explained.json)
  else print(explained.text)
  if (!explained.ok) process.exitCode = EXIT.failed
}

/** Files are a program's own: larger than a message may be. */
const FILE_LIMITS = { depth: 100, nodes: 5_000_000 }

/** Messages go through the built-in mappings, frames through the codecs. */
const judge = async (text: string): Promise<Result<readonly VectorResult[]>> => {
  const content: unknown = JSON.parse(text)
  const protocol = typeof content === 'object' && content !== null && 'protocol' in content ? String(content.protocol) : ''
  if (!/^mqtt/i.test(protocol)) return judgeVectors(content, inflate)
  const parsed = parseJson(text, FILE_LIMITS)
  if (!parsed.ok) return parsed
  const world = pushWorld('Asia/Shanghai', openProfiles(null))
  const mappings = openMappings(null, world)
  if (mappings.problems.length > 0) complain(`mappings in ${builtInMappings()} are broken: gridtally mapping verify names the places`)
  const value = parsed.value instanceof JsonObject ? await judgePushVectors(parsed.value, compiledMappings(mappings), world) : []
  return { ok: true, value }
}

/** `gridtally vectors`: runs vector files through the codecs and says what differs. */
export const vectors = async (files: readonly string[], options: { readonly json?: boolean }): Promise<void> => {
  const reports: { file: string; passed: number; failed: number; failures: readonly VectorResult[] }[] = []
  for (const file of files) {
    let judged: Result<readonly VectorResult[]>
    try {
      judged = await judge(readFileSync(file, 'utf8'))
    } catch (error) {
      throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
    }
    if (!judged.ok) throw new CommandFailed(`${file}: ${judged.error.message}; ${judged.error.hint}`, EXIT.usage)
    const results = judged.value
    const failed = results.filter(({ differences }) => differences.length > 0)
    reports.push({ file, passed: results.length - failed.length, failed: failed.length, failures: failed })
  }
  const passed = reports.reduce((sum, report) => sum + report.passed, 0)
  const failed = reports.reduce((sum, report) => sum + report.failed, 0)
  if (options.json) printJson({ passed, failed, files: reports })
  else {
    for (const { file, failures } of reports)
      for (const { name, differences } of failures) {
        complain(`${file}: ${name}`)
        for (const { path, expected, got } of differences)
          complain(`  ${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`)
      }
    for (const report of reports) print(`${report.file}: ${report.passed} passed, ${report.failed} failed`)
  }
  if (failed > 0) process.exitCode = EXIT.failed
}
