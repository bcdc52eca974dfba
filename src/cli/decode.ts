import { readFileSync } from 'node:fs'
import { DECODERS, explainFrame, judgeVectors, type VectorResult } from '../../protocols/index.ts'
import { bytesOf } from '../core/index.ts'
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

/** `gridtally vectors`: runs vector files through the codecs and says what differs. */
export const vectors = (files: readonly string[], options: { readonly json?: boolean }): void => {
  const reports = files.map((file) => {
    let content: unknown
    try {
      content = JSON.parse(readFileSync(file, 'utf8'))
    } catch (error) {
      throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
    }
    const judged = judgeVectors(content)
    if (!judged.ok) throw new CommandFailed(`${file}: ${judged.error.message}; ${judged.error.hint}`, EXIT.usage)
    const results: readonly VectorResult[] = judged.value
    const failed = results.filter(({ differences }) => differences.length > 0)
    return { file, passed: results.length - failed.length, failed: failed.length, failures: failed }
  })
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
