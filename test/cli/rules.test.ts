import { Command } from 'commander'
import { expect, it, vi } from 'vitest'
import { ruleCommands } from '../../src/cli/rules.ts'

it.each(['pct= ', 'pct=\t', 'pct=x', 'pct', '=1', 'pct=1=2', 'pct=Infinity'])('takes no threshold from "%s"', async (setting) => {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  vi.stubGlobal('fetch', () => {
    throw new Error('the API was asked')
  })
  ruleCommands(program)
  for (const command of program.commands.flatMap((one) => [one, ...one.commands]))
    command.exitOverride().configureOutput({ writeErr: () => {} })
  const run = program.parseAsync(['node', 'gridtally', 'rules', 'set', 'high_loss', setting, '--why', 'x', '--token', 'gt_x'])
  await expect(run).rejects.toThrow('write NAME=NUMBER')
  vi.unstubAllGlobals()
})
