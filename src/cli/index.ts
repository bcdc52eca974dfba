import { CommandFailed, complain, EXIT } from './output.ts'

/** What the machine itself would not do, in a sentence; null when the fault is ours. */
const environmentText = (error: unknown): string | null => {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return null
  const cures: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there: choose another port, or 0 for any',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'no permission for that',
    EPERM: 'no permission for that',
    ENOENT: 'there is no such file or directory',
    ENOTDIR: 'a part of the path is no directory',
    EEXIST: 'something else is there already',
    ENOSPC: 'the disk is full',
    EROFS: 'the disk is read-only',
  }
  return `${error.message}; ${cures[String(error.code)] ?? 'see the message'}`
}

// Whoever read us has enough: `gridtally … | head`. A gateway under way goes on without its reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (!['run', 'demo', 'simulate'].includes(process.argv[2] ?? '')) process.exit(process.exitCode ?? EXIT.ok)
})

/** Every command, or the one that runs for months: it carries nothing of the others about, no simulator and no client. */
const commands = async () => {
  if (process.argv[2] !== 'run') return (await import('./program.ts')).program
  const { bareProgram, runCommand } = await import('./run-command.ts')
  const program = bareProgram()
  runCommand(program)
  return program
}

try {
  const program = await commands()
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommandFailed) {
    if (error.message) complain(error.message)
    process.exitCode = error.exitCode
  } else {
    const said = environmentText(error)
    complain(said ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)))
    process.exitCode = said === null ? EXIT.internal : EXIT.failed
  }
}
