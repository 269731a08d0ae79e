"""The same decoders as shapes.csx as a bare loop in PyTorch: fused projections, cache written in place, causal fused attention, nothing else.

    python3 lean.py --device cuda --shape llama-1.1b --rows 640,2944
"""
import argparse
import statistics
import time

import torch
import torch.nn.functional as F

SHAPES = {  # width, feed-forward, layers, heads, kv heads, head
    "llama-1.1b": (2048, 5632, 22, 32, 4, 64),
    "llava-1.5-7b": (4096, 11008, 32, 32, 32, 128),
}
VOCABULARY = 32000


def rms(x, gain):
    wide = x.float()
    return gain * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Decoder:
    def __init__(self, shape, layers, device, dtype, positions):
        width, inner, depth, self.heads, self.kv, self.head = SHAPES[shape]
        depth = layers or depth

        def matrix(outputs, inputs):
            return torch.empty(outputs, inputs, device=device, dtype=dtype).normal_(0, 0.02)

        q, kv = self.heads * self.head, self.kv * self.head
        self.layers = [
            (matrix(q + 2 * kv, width), matrix(width, q), matrix(2 * inner, width), matrix(width, inner), torch.ones(width, device=device, dtype=dtype),
             torch.ones(width, device=device, dtype=dtype))
            for _ in range(depth)
        ]
        self.words, self.out = matrix(VOCABULARY, width), matrix(VOCABULARY, width)
        self.gain = torch.ones(width, device=device, dtype=dtype)
        angles = torch.arange(positions, device=device)[:, None] / 10000 ** (torch.arange(0, self.head, 2, device=device) / self.head)
        self.cos, self.sin = (torch.cat([part, part], -1).to(dtype) for part in (angles.cos(), angles.sin()))
        self.cache = [torch.zeros(2, 1, self.kv, positions, self.head, device=device, dtype=dtype) for _ in range(depth)]
        self.bytes = sum(t.numel() * t.element_size() for layer in self.layers for t in layer) + self.out.numel() * self.out.element_size()

    def run(self, x, start):
        rows, q, kv = x.shape[0], self.heads * self.head, self.kv * self.head
        cos, sin = self.cos[start:start + rows], self.sin[start:start + rows]
        for (attention, output, up, down, norm1, norm2), cache in zip(self.layers, self.cache):
            a, k, v = F.linear(rms(x, norm1), attention).split([q, kv, kv], -1)
            a = rotate(a.view(rows, self.heads, self.head).transpose(0, 1), cos, sin)[None]
            cache[0, :, :, start:start + rows] = rotate(k.view(rows, self.kv, self.head).transpose(0, 1), cos, sin)
            cache[1, :, :, start:start + rows] = v.view(rows, self.kv, self.head).transpose(0, 1)
            keys, values = cache[0, :, :, :start + rows], cache[1, :, :, :start + rows]
            shared = self.heads != self.kv
            mixed = F.scaled_dot_product_attention(a, keys, values, is_causal=rows > 1, enable_gqa=shared)
            x = x + F.linear(mixed[0].transpose(0, 1).reshape(rows, q), output)
            gate, wide = F.linear(rms(x, norm2), up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * wide, down)
        return F.linear(rms(x[-1:], self.gain), self.out).float()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", default="llama-1.1b", choices=SHAPES)
    parser.add_argument("--rows", default="640")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=0)
    args = parser.parse_args()
    lengths = [int(length) for length in args.rows.split(",")]
    cuda = args.device.startswith("cuda")

    def clock():
        if cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    with torch.inference_mode():
        decoder = Decoder(args.shape, args.layers, args.device, torch.bfloat16, max(lengths) + args.tokens)
        print(f"{args.shape}, {len(decoder.layers)} layers, bfloat16 on {args.device}; torch {torch.__version__}")
        for rows in lengths:
            prompt = torch.randn(rows, decoder.words.shape[1], device=args.device, dtype=torch.bfloat16) * 0.02
            prefill, decode = [], []
            for turn in range(args.rounds + 1):
                started = clock()
                token = int(decoder.run(prompt, 0).argmax())
                first = clock() - started
                later = []
                for position in range(rows, rows + args.tokens):
                    started = clock()
                    token = int(decoder.run(decoder.words[token:token + 1], position).argmax())
                    later.append(clock() - started)
                if turn:  # the first warms up
                    prefill.append(first)
                    decode.extend(later)
            first, later = statistics.median(prefill) * 1000, statistics.median(decode) * 1000
            print(f"  {rows:5} rows: prefill {first:8.1f} ms, {rows / first * 1000:8.0f} rows/s; token {later:7.2f} ms, {1000 / later:6.1f} a second, "
                  f"{decoder.bytes / later / 1e6:6.0f} GB/s of weights")
        if cuda:
            print(f"  peak memory {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
