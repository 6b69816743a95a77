import { describe, expect, test } from 'vitest'
import { hostProblem } from '../../src/configure/public-host.ts'

/** As a setting has it: through `URL`, which normalizes. */
const problemOf = (host: string) => hostProblem(new URL(`https://${host}/`).hostname)

describe('a host that is public', () => {
  test.each([
    'crm.ada.dev',
    'ada.example.com',
    'CRM.Ada.DEV',
    'crm.ada.dev.',
    'localhost.ada.dev',
    'internal-api.ada.dev',
    'bücher.de',
    '8.8.8.8',
    '1.1.1.1',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '169.253.0.1',
    '192.167.1.1',
    '198.17.0.1',
    '223.255.255.255',
    '[2606:4700::1111]',
    '[2a00:1450:4001:81b::200e]',
    '[3ffe::1]',
  ])('the host %s counts as public', (host) => {
    expect(problemOf(host)).toBeUndefined()
  })
})

describe('a host that is not public', () => {
  test.each([
    ['0.0.0.0', 'this host'],
    ['10.0.0.1', 'a private network'],
    ['10.255.255.255', 'a private network'],
    ['100.64.0.1', 'a carrier network'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['172.16.0.1', 'a private network'],
    ['172.31.255.255', 'a private network'],
    ['192.0.0.1', 'protocol assignments'],
    ['192.0.2.1', 'documentation'],
    ['192.168.0.1', 'a private network'],
    ['198.18.0.1', 'benchmarking'],
    ['198.19.255.255', 'benchmarking'],
    ['198.51.100.1', 'documentation'],
    ['203.0.113.9', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
  ])('the host %s does not count as public: %s', (host, what) => {
    expect(problemOf(host)).toContain(what)
  })

  test.each([
    ['2130706433', 'one decimal number'],
    ['0x7f000001', 'one hexadecimal number'],
    ['017700000001', 'one octal number'],
    ['0177.0.0.1', 'an octal part'],
    ['0x7f.1', 'a hexadecimal part, and parts left out'],
    ['127.1', 'parts left out'],
    ['127.0.0.1.', 'a dot at the end'],
    ['１２７.0.0.1', 'full-width digits'],
    ['127。0。0。1', 'ideographic full stops'],
    ['%31%32%37.0.0.1', 'percent-encoding'],
  ])('the host 127.0.0.1 does not count as public when it is written as %s (%s)', (host) => {
    expect(problemOf(host)).toBe('127.0.0.1 is loopback')
  })

  test.each([
    '[::]',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:a9fe:a9fe]',
    '[::ffff:8.8.8.8]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::1]',
    '[100::1]',
    '[fc00::1]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[2001::1]',
    '[2001:1ff::1]',
    '[2001:db8::1]',
    '[2002:7f00:1::]',
    '[3fff::1]',
  ])('the IPv6 host %s does not count as public', (host) => {
    expect(problemOf(host)).toMatch(/^\[/)
  })

  test.each([
    'localhost',
    'LOCALHOST',
    'localhost.',
    'api.localhost',
    'printer.local',
    'metadata.google.internal',
    'router.lan',
    'nas.home.arpa',
    'shop.test',
    'intranet',
    'kubernetes.default.svc.cluster.local',
  ])('the host name %s does not count as public', (host) => {
    expect(problemOf(host)).toMatch(/local name|no full domain name/)
  })
})
