/** Where a crash would hurt most, for tests: `GRIDTALLY_FAILPOINT=ledger.before-commit` kills the process there. */
export const failpoint = (name: 'ledger.before-commit' | 'ledger.half-written'): void => {
  if (process.env.GRIDTALLY_FAILPOINT === name) process.kill(process.pid, 'SIGKILL')
}
