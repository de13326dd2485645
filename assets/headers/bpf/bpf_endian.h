/* SPDX-License-Identifier: MIT */
/* Byte order of the network against that of the target (BPF objects here are little-endian). */
#ifndef __BPF_ENDIAN__
#define __BPF_ENDIAN__

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_swap16(x) __builtin_bswap16(x)
#define ___bpf_swap32(x) __builtin_bswap32(x)
#define ___bpf_swap64(x) __builtin_bswap64(x)
#else
#define ___bpf_swap16(x) (x)
#define ___bpf_swap32(x) (x)
#define ___bpf_swap64(x) (x)
#endif

#define bpf_htons(x) ___bpf_swap16(x)
#define bpf_ntohs(x) ___bpf_swap16(x)
#define bpf_htonl(x) ___bpf_swap32(x)
#define bpf_ntohl(x) ___bpf_swap32(x)
#define bpf_cpu_to_be64(x) ___bpf_swap64(x)
#define bpf_be64_to_cpu(x) ___bpf_swap64(x)

#endif
