import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { verifyAnyProfile } from '../../protocols/index.ts'
import { explain, many } from '../core/index.ts'
import { builtInProfiles, openProfiles, profileFiles, readProfile } from '../gateway/profiles.ts'
import { json } from './options.ts'
import { CommandFailed, complain, EXIT, print, printJson, table } from './output.ts'

/** `gridtally profile …`: meter models (表型), and the proof of each of their lines. */
export const profileCommands = (program: Command): void => {
  const profile = program.command('profile').description('meter models')
  profile
    .command('list')
    .description('all built-in models')
    .addOption(json())
    .action((options: { json?: boolean }) => {
      const { ids, get, broken } = openProfiles(null)
      const rows = ids
        .flatMap((id) => get(id) ?? [])
        .map(({ id, protocol, manufacturer, models }) => ({
          id,
          protocol,
          manufacturer: manufacturer ?? '',
          models: models ?? [],
        }))
      if (options.json) printJson(rows)
      else print(table(rows.map((row) => [row.id, row.protocol, row.manufacturer, row.models.join(', ')])))
      if (broken.length > 0) throw new CommandFailed(broken.map(({ file, error }) => `${file}: ${explain(error)}`).join('\n'))
    })
  profile
    .command('verify')
    .description('decodes every register line of profiles against its own sample')
    .argument('[file...]', 'profile files; without: all built-in ones')
    .addOption(json())
    .action((files: string[], options: { json?: boolean }) => {
      const results = (files.length > 0 ? files : profileFiles(builtInProfiles())).map(verifyFile)
      const failed = results.filter(({ differences }) => differences.length > 0)
      if (options.json) printJson({ passed: results.length - failed.length, failed: failed.length, files: results })
      else {
        for (const { file, differences } of failed) for (const difference of differences) complain(`${file}: ${difference}`)
        print(
          `${many(results.length - failed.length, 'profile')} proved (${results.reduce((sum, { registers }) => sum + registers, 0)} registers), ${failed.length} failed`,
        )
      }
      if (failed.length > 0) process.exitCode = EXIT.failed
    })
}

const verifyFile = (file: string): { file: string; registers: number; differences: readonly string[] } => {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
  const verified = verifyAnyProfile(content)
  const loaded = readProfile(file)
  const registers = loaded.ok && Array.isArray(loaded.value.registers) ? loaded.value.registers.length : 0
  return { file, registers, differences: verified.ok ? verified.value : [explain(verified.error)] }
}
