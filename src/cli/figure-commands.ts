import { type Command, Option } from 'commander'
import { energy } from './energy.ts'
import { loss } from './loss.ts'
import { asking } from './options.ts'

/** Figures that a running gateway works out: interval energy and line loss. */
export const figureCommands = (program: Command): void => {
  asking(
    program
      .command('energy')
      .description('interval energy of a point, as the running gateway works it out')
      .argument('<point>', 'metering point')
      .requiredOption('--from <instant>', 'start: 2026-11-01T00:00:00+08:00')
      .requiredOption('--to <instant>', 'end, exclusive')
      .addOption(new Option('--period <period>', 'length of an interval').choices(['15m', '1h', 'day', 'month']).default('day'))
      .option('--register <code...>', 'only these: 1.8.0 2.8.0')
      .option('--detail', 'the registers behind each figure, and what was set aside'),
  ).action(energy)
  asking(
    program
      .command('loss')
      .description('line loss of a transformer area, as the running gateway works it out')
      .argument('<area>', 'transformer area')
      .requiredOption('--from <instant>', 'start: 2026-11-01T00:00:00+08:00')
      .requiredOption('--to <instant>', 'end, exclusive')
      .addOption(new Option('--step <step>', 'length of an item').choices(['15m', 'day', 'month']).default('day'))
      .option('--members', 'the members of the sum over whole days, with their registers'),
  ).action(loss)
}
