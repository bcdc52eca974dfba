import type { Command } from 'commander'

/** `gridtally ledger …`: the dated facts, beside a running gateway or without one. */
export const ledgerCommands = (program: Command): Command =>
  program.command('ledger').description('what hangs where since when: show, change, history, undo, exchange, import')
