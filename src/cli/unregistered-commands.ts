import { type Command, Option } from 'commander'
import { asking } from './options.ts'
import { adoptUnregistered, closeUnregistered, listUnregistered, showUnregistered } from './unregistered.ts'

/** `gridtally unregistered …`: meters that were heard and are in no ledger. */
export const unregisteredCommands = (program: Command): void => {
  const unregistered = program.command('unregistered').description('meters that were heard and are not in the ledger')
  asking(unregistered.command('list').description('the open ones, or others'))
    .addOption(new Option('--state <state>', 'only these').choices(['open', 'adopted', 'closed']).default('open'))
    .option('--channel <id>', 'only of this line or broker')
    .option('--overdue', 'only those that should be in the ledger by now')
    .action(listUnregistered)
  asking(unregistered.command('show').description('one of them, its history, and its use by month').argument('<id>')).action(
    showUnregistered,
  )
  asking(unregistered.command('adopt').description('puts it into the ledger; its readings follow').argument('<id>'))
    .requiredOption('--meter <id>', 'id the meter gets')
    .requiredOption('--point <id>', 'metering point; made when there is none')
    .requiredOption('--why <reason>', 'stays in the history')
    .option('--area <id>', 'transformer area of a new point')
    .option('--profile <id>', 'meter model, where nobody knows it yet')
    .option('--ct <ratio>', 'current ratio: 400/5')
    .option('--pt <ratio>', 'voltage ratio')
    .option('--from <instant>', 'at the point from then on; first seen if not given')
    .option('--work-order <number>', 'work order')
    .action(adoptUnregistered)
  asking(unregistered.command('close').description('it is no meter of ours').argument('<id>'))
    .requiredOption('--why <reason>', 'stays in the history')
    .option('--forever', 'stays closed when it is heard again')
    .action(closeUnregistered)
}
