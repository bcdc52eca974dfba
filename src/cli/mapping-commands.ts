import type { Command } from 'commander'
import { listMappings, mappingSchema, type TryArguments, tryMapping, verifyMappings } from './mapping.ts'
import { json } from './options.ts'

/** `gridtally mapping …`: what messages of MQTT devices mean. */
export const mappingCommands = (program: Command): void => {
  const mapping = program.command('mapping').description('what messages of MQTT devices mean')
  mapping.command('list').description('all built-in mappings').addOption(json()).action(listMappings)
  mapping
    .command('verify')
    .description('runs the recorded messages of mappings')
    .argument('[file...]', 'mapping files; without: all built-in ones')
    .addOption(json())
    .action(verifyMappings)
  mapping
    .command('try')
    .description('shows what one message becomes, and why a field was skipped')
    .argument('<file>', 'the payload as it is; - reads standard input')
    .requiredOption('--mapping <mapping>', 'a file, or the id of a built-in mapping')
    .requiredOption('--topic <topic>', 'topic of the message')
    .option('--retained', 'as if the broker had kept it')
    .option('--zone <zone>', 'zone of local times', 'Asia/Shanghai')
    .option('--at <instant>', 'when it arrived; default now')
    .addOption(json())
    .action((file: string, options: TryArguments) => tryMapping(file, options))
  mapping.command('schema').description('JSON Schema of mapping files, for editors').action(mappingSchema)
}
