/**
 * Numbers of networks that rent out servers and hardly anything else: the large clouds and hosters.
 *
 * Left out on purpose, because people browse through them: Cloudflare (13335), Akamai (36183) and Fastly (54113), which carry
 * iCloud Private Relay and WARP; Google's own network (15169), whose crawlers are told by name; M247 and Datacamp, which
 * carry VPNs. Numbers: https://github.com/X4BNet/lists_vpn/blob/main/input/datacenter/ASN.txt (checked 2026-11-25)
 */
export const dataCenters: ReadonlySet<number> = new Set([
  // Amazon
  14618, 16509,
  // Google Cloud
  396982,
  // Microsoft Azure
  8075,
  // Oracle Cloud
  31898,
  // IBM Cloud
  36351,
  // Alibaba Cloud
  37963, 45102,
  // Tencent Cloud
  45090, 132203,
  // Huawei Cloud
  136907,
  // DigitalOcean
  14061, 62567,
  // OVH
  16276,
  // Hetzner
  24940, 213230,
  // Akamai's Linode
  63949,
  // Vultr
  20473,
  // Scaleway
  12876,
  // Leaseweb
  28753, 30633, 60781,
  // Contabo
  51167,
  // IONOS
  8560,
  // Aruba
  31034,
  // UpCloud
  202053,
  // Rackspace
  33070,
  // Equinix Metal
  54825,
])
