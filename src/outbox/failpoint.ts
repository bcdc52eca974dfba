/**
 * Places where a crash would hurt most, for tests: `GRIDTALLY_FAILPOINT=outbox.after-commit` kills the process there the first
 * time, `outbox.after-commit:20` the twentieth. Without the variable a failpoint is a comparison with null.
 */
export type Failpoint =
  | 'outbox.before-commit' //  everything written, nothing synced
  | 'outbox.after-commit' //   synced, nobody told
  | 'outbox.after-answer' //   stored in the sink, its cursor not yet saved
  | 'outbox.cursor-saved' //   cursor moved, chunks behind it not yet deleted

const [wanted = null, count = '1'] = process.env.GRIDTALLY_FAILPOINT?.split(':') ?? []
let left = Number(count)

export const failpoint = (name: Failpoint): void => {
  if (name === wanted && --left === 0) process.kill(process.pid, 'SIGKILL')
}
