import { type Command, Option } from 'commander'
import { duration, integer, positive, share } from './options.ts'
import {
  simulateBrokerCommand,
  simulateConcentratorsCommand,
  simulateLine,
  simulateMqttCommand,
  simulateVillageCommand,
} from './simulate.ts'

/** `gridtally simulate …`: meters, brokers and concentrators on real sockets. */
export const simulateCommands = (program: Command): void => {
  const simulate = program.command('simulate').description('meters on real sockets, faults to order')
  simulate
    .command('village')
    .description('a whole village, with gateway.yaml, ledger.yaml and a truth log for gridtally run')
    .requiredOption('--out <directory>', 'where the files go')
    .option('--seed <number>', 'which village', integer(0, 2 ** 31), 1)
    .option('--meters <count>', 'meters', integer(10, 5000), 64)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--speed <factor>', 'village seconds in a real one', positive)
    .option('--start <instant>', 'village time at the start')
    .option('--every <period>', 'period of the task `current` in gateway.yaml', '10s')
    .option('--fault <order...>', 'late:meter=M0003,ms=900,probability=0.2; see docs/simulators.md')
    .option('--influx <url>', 'gateway.yaml stores in this InfluxDB 1.x server')
    .option('--http-port <port>', 'port of the API in gateway.yaml', integer(0, 65_535))
    .option('--for <duration>', 'ends by itself', duration)
    .option('--scenes <instant>', 'things go wrong since before this village instant: a bypass, a wrong CT, a dead meter …')
    .option('--push', 'some meters push to an MQTT broker, which is started with the village')
    .option('--broker <url>', 'they push to this broker instead: mqtt://127.0.0.1:1883')
    .option('--concentrators', 'two transformer areas more, behind concentrators that dial in')
    .option('--stdin', 'ends when its standard input is closed')
    .action(simulateVillageCommand)
  for (const protocol of ['modbus-tcp', 'modbus-rtu', 'dlt645'] as const)
    simulate
      .command(protocol)
      .description(`a ${protocol} line on a TCP port or a pseudo terminal`)
      .option('--profile <id>', 'Modbus: model', 'eastron-sdm630')
      .option('--unit <number...>', 'Modbus: units')
      .option('--address <digits...>', 'DL/T 645: addresses')
      .option('--seed <number>', 'other values', integer(0, 2 ** 31), 1)
      .option('--host <address>', 'address to listen on', '127.0.0.1')
      .option('--port <port>', '0 lets the system choose', integer(0, 65_535), 0)
      .option('--pty', 'a pseudo terminal instead (needs socat)')
      .option('--baud <baud>', 'bytes at the pace of this speed', integer(50, 4_000_000))
      .option('--fault <order...>', 'faults')
      .option('--for <duration>', 'ends by itself', duration)
      .action((options) => simulateLine(protocol, options))

  simulate
    .command('mqtt')
    .description('meters of one device family that push to an MQTT broker')
    .requiredOption('--url <url>', 'the broker: mqtt://127.0.0.1:1883')
    .requiredOption('--family <name>', 'device family: tasmota, zigbee2mqtt, acrel, sparkplug …; see docs/simulators.md')
    .option('--meters <count>', 'meters', integer(1, 1000), 1)
    .option('--every <period>', 'time between two reports: 10s, 15m', '10s')
    .option('--seed <number>', 'other values', integer(0, 2 ** 31), 1)
    .option('--truth <file>', 'writes every value down before it is published')
    .option('--fault <order...>', 'faults: duplicate:probability=0.1 burst:messages=50')
    .option('--for <duration>', 'ends by itself', duration)
    .action(simulateMqttCommand)
  simulate
    .command('concentrators')
    .description('concentrators that dial a gateway and answer for their meters')
    .requiredOption('--to <host:port>', 'listener of the gateway: 127.0.0.1:3761')
    .option('--count <number>', 'concentrators', integer(1, 20_000), 1)
    .option('--meters <count>', 'meters of each', integer(0, 2000), 10)
    .addOption(new Option('--protocol <name>', 'what they speak').choices(['gw3761', 'dlt698', 'mixed']).default('gw3761'))
    .option('--region <digits>', 'first four digits of their addresses', '4510')
    .option('--first <number>', 'number of the first one', integer(1, 65_535), 1)
    .option('--seed <number>', 'other values', integer(0, 2 ** 31), 1)
    .addOption(
      new Option('--edition <year>', 'gw3761: heartbeats with (2013) or without the clock').choices(['2009', '2013']).default('2009'),
    )
    .option('--heartbeat <period>', 'heartbeat period', '60s')
    .option('--frame-limit <bytes>', 'longest frame', integer(128, 16_383), 1024)
    .option('--success-rate <share>', 'share of values that are collected at the first attempt', share, 1)
    .option('--empty-archive', 'no meter is in their archives yet')
    .option('--spread', 'each dials from an address of its own, 127.1.x.y')
    .option('--truth <file>', 'writes every value down before it is sent')
    .option('--ledger <file>', 'writes a ledger that knows them and their meters')
    .option('--fault <order...>', 'faults: unreached:meter=C00001-M0003 halved:count=2; see docs/simulators.md')
    .option('--for <duration>', 'ends by itself', duration)
    .action(simulateConcentratorsCommand)
  simulate
    .command('broker')
    .description('an MQTT broker for simulations: no passwords, nothing on disk')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', '0 lets the system choose', integer(0, 65_535), 0)
    .option('--for <duration>', 'ends by itself', duration)
    .option('--stdin', 'ends when its standard input is closed')
    .action(simulateBrokerCommand)
}
