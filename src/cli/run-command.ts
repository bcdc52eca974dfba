import { Command } from 'commander'
import { version } from '../main.ts'
import { config } from './options.ts'
import { EXIT } from './output.ts'
import { run } from './run.ts'

/** The program before it has commands. */
export const bareProgram = (): Command =>
  new Command('gridtally')
    .description('Remote electricity meter-reading gateway')
    .version(version())
    .showHelpAfterError('(gridtally --help lists all commands)')
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'after',
      '\nExit codes: 0 done; 1 something failed (no answer, a vector differs, a file is broken); 2 wrong usage or configuration; 70 a bug.',
    )
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : EXIT.usage)
    })

export const runCommand = (program: Command): Command =>
  program.command('run').description('the gateway').addOption(config()).option('--json', 'JSON log lines even on a terminal').action(run)
