import { type Command, Option } from 'commander'
import type { EvaluateArguments } from '../../bench/evaluate/index.ts'
import { analyse } from './analyse/run.ts'
import { integer, json } from './options.ts'

/** How good the house is: detectors over files, their score against the truth, speed and memory. */
export const judgeCommands = (program: Command): void => {
  program
    .command('analyse')
    .description('the detectors over files of readings, ledger and communication counts, day by day as in the running gateway')
    .requiredOption('--readings <file>', 'CSV, plain or gzip: see docs/analyse.md')
    .requiredOption('--ledger <file>', 'areas, meters, events as JSON')
    .option('--comm <file>', 'communication counts, CSV')
    .option('--until <time>', 'a date or an instant: what was known then')
    .addOption(new Option('--language <language>', 'of the table').choices(['en', 'zh']).default('en'))
    .addOption(json())
    .action(analyse)

  program
    .command('evaluate')
    .description('scores what the detectors say of labelled areas against their truth')
    .argument('[folder...]', 'folders with readings, ledger and labels, or folders of such')
    .option('--generated <count>', 'and so many generated sets: quiet, theft, metering, comms, mixed in turn', integer(0, 1000))
    .option('--injected <count>', 'instead of each folder so many of its kind with other faults put in', integer(0, 1000))
    .option('--what <faults>', 'what is put in: partial,phase_loss,vacation,…; without it the seed chooses', (text: string) =>
      text.split(','),
    )
    .option('--seed <seed>', 'of the first generated or injected set', integer(0, 1_000_000), 1)
    .option('--vary <thresholds>', 'rules or thresholds (rule.name) moved by 0.7 and 1.4, each by itself; all', (text: string) =>
      text.split(','),
    )
    .option('--markdown', 'the figures as a table for a page of docs')
    .option('--keep <folder>', 'generated sets are written there and stay')
    .addOption(json())
    .action(async (folders: string[], options: EvaluateArguments) => {
      const { evaluate } = await import('../../bench/evaluate/index.ts')
      await evaluate(folders, options)
    })

  program
    .command('bench')
    .description('the figures of docs/performance.md, each beside its reference in one run')
    .argument('[anchor...]', 'A1 A2 …; without: all')
    .option('--quick', 'shorter and less exact')
    .option('--write', 'puts the table into docs/performance.md')
    .addOption(json())
    .action(async (only: string[], options: { quick?: boolean; write?: boolean; json?: boolean }) => {
      const { runBench } = await import('../../bench/index.ts')
      process.exit(await runBench({ only, ...options }))
    })
}
