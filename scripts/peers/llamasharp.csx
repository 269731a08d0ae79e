// A LLaMA of a published shape with random weights through LLamaSharp's llama.cpp and through Aperture: the same prompt, then single tokens, in turns.
//
//     aperture run scripts/peers/llamasharp.csx -- --threads 2 [--shape llama-1.1b] [--rounds 5] [--rows 640] [--folder FOLDER] [--only q8_0]
//
// LLamaSharp is fetched from NuGet by this script alone; the product does not refer to it. The GGUF files are written into FOLDER (a temporary one that is
// removed at the end if none is named) and quantised by llama.cpp itself. A ratio above 1 says that Aperture is so many times as fast; ratios are medians of
// each round's own, so that other work on the machine moves them less than the times. --only takes one kind of llama.cpp's.
#r "nuget: LLamaSharp, 0.30.0"
#r "nuget: LLamaSharp.Backend.Cpu, 0.30.0"
using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Aperture.Benchmarks;
using Aperture.Decoding;
using LLama;
using LLama.Common;
using LLama.Native;
using static TorchSharp.torch;

const int Tokens = 16;
Dictionary<string, string> given = new()
{
    ["--threads"] = "2", ["--shape"] = "llama-1.1b", ["--rounds"] = "5", ["--rows"] = "640", ["--folder"] = "", ["--only"] = "",
};
for (int i = 0; i < Args.Count; i += 2)
{
    if (!given.ContainsKey(Args[i]) || i + 1 == Args.Count)
    {
        throw new ApertureException($"llamasharp.csx: '{Args[i]}' is no option with a value; there are {string.Join(", ", given.Keys)}.");
    }

    given[Args[i]] = Args[i + 1];
}

int Number(string name) => int.TryParse(given[name], out int number) && number > 0 ? number
    : throw new ApertureException($"{name} {given[name]}: give a number above 0.");
string[] kinds = ["bf16", "q8_0", "q4_K_M", "q4_0"];
if (given["--only"].Length > 0 && !kinds.Contains(given["--only"]))
{
    throw new ApertureException($"--only {given["--only"]}: give {string.Join(", ", kinds)}.");
}

int threads = Number("--threads"), rounds = Number("--rounds"), rows = Number("--rows");
ModelShape shape = ModelShape.Find(given["--shape"]);
UseLibrary();
string folder = given["--folder"] is { Length: > 0 } own ? Directory.CreateDirectory(own).FullName
    : Directory.CreateTempSubdirectory("aperture-peers-").FullName;
try
{
    string whole = Path.Combine(folder, $"{shape.Name}-bf16.gguf");
    if (!File.Exists(whole))
    {
        Print($"writing {whole}");
        WriteGguf(whole, shape.Decoder);
    }

    Print($"{shape.Name}, prompt of {rows} rows, {Tokens} tokens, {threads} thread(s); medians of {rounds} rounds");
    Print($"{"llama.cpp",-10} {"Aperture",-12} {"prefill tok/s",22} {"ratio",7} {"decode tok/s",20} {"ratio",7}");
    foreach ((string kind, LLamaFtype? format, string name, ScalarType type, WeightFormat weights) in new[]
    {
        ("bf16", (LLamaFtype?)null, "bf16", ScalarType.BFloat16, WeightFormat.Stored),
        ("bf16", null, "float32", ScalarType.Float32, WeightFormat.Stored),
        ("q8_0", LLamaFtype.MOSTLY_Q8_0, "int8", ScalarType.Float32, WeightFormat.Int8),
        ("q4_K_M", LLamaFtype.MOSTLY_Q4_K_M, "int4", ScalarType.Float32, WeightFormat.Int4),
        ("q4_0", LLamaFtype.MOSTLY_Q4_0, "int4", ScalarType.Float32, WeightFormat.Int4),
    })
    {
        if (given["--only"] is { Length: > 0 } only && only != kind)
        {
            continue;
        }

        string file = whole;
        if (format is { } ftype)
        {
            file = Path.Combine(folder, $"{shape.Name}-{kind}.gguf");
            if (!File.Exists(file) && !LLamaQuantizer.Quantize(whole, file, ftype, threads, true, false))
            {
                throw new ApertureException($"llama.cpp could not write '{file}'.");
            }
        }

        SideBySide(kind, file, name, type, weights);
    }
}
finally
{
    if (given["--folder"].Length == 0)
    {
        Directory.Delete(folder, recursive: true);
    }
}

void SideBySide(string kind, string file, string name, ScalarType type, WeightFormat weights)
{
    using var bench = new DecoderBenchmark(shape, new DecoderBenchmarkOptions
    {
        Type = type, Weights = weights, Threads = threads, VisualTokens = Math.Max(0, rows - 64), TextTokens = Math.Min(64, rows),
    });
    ModelParams options = new(file)
    {
        ContextSize = (uint)(rows + Tokens + 1), BatchSize = (uint)rows, UBatchSize = (uint)rows, Threads = threads, BatchThreads = threads, GpuLayerCount = 0,
    };
    using var model = LLamaWeights.LoadFromFile(options);
    using var context = model.CreateContext(options);
    List<(double Prefill, double Decode)> ours = [], theirs = [];
    for (int round = 0; round <= rounds; round++)
    {
        var (prefill, decode) = bench.Run(Tokens, Cancellation);
        var other = Peer(context);
        if (round > 0) // the first warms up
        {
            ours.Add((prefill, Median(decode)));
            theirs.Add(other);
        }
    }

    double before = rows / Median(theirs.Select(time => time.Prefill)) * 1000, now = rows / Median(ours.Select(time => time.Prefill)) * 1000;
    double tokenBefore = 1000 / Median(theirs.Select(time => time.Decode)), tokenNow = 1000 / Median(ours.Select(time => time.Decode));
    double ratio = Median(theirs.Zip(ours, (a, b) => a.Prefill / b.Prefill)), tokenRatio = Median(theirs.Zip(ours, (a, b) => a.Decode / b.Decode));
    Print(FormattableString.Invariant(
        $"{kind,-10} {name,-12} {before,10:0.0} {now,11:0.0} {ratio,6:0.00}x {tokenBefore,9:0.0} {tokenNow,10:0.0} {tokenRatio,6:0.00}x"));
}

// One prompt and its tokens through llama.cpp; ids do not matter for how long it takes.
(double Prefill, double Decode) Peer(LLamaContext context)
{
    context.NativeHandle.MemoryClear(true);
    LLamaBatch batch = new();
    for (int row = 0; row < rows; row++)
    {
        batch.Add((LLamaToken)(300 + row % 1000), (LLamaPos)row, (LLamaSeqId)0, row == rows - 1);
    }

    double prefill = Time(() => Require(context.Decode(batch)));
    double[] decode = new double[Tokens];
    for (int token = 0; token < Tokens; token++)
    {
        batch.Clear();
        batch.Add((LLamaToken)300, (LLamaPos)(rows + token), (LLamaSeqId)0, true);
        decode[token] = Time(() => Require(context.Decode(batch)));
    }

    return (prefill, Median(decode));
}

static void Require(DecodeResult result)
{
    if (result != DecodeResult.Ok)
    {
        throw new ApertureException($"llama.cpp: {result}.");
    }
}

static double Time(Action action)
{
    long started = Stopwatch.GetTimestamp();
    action();
    return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
}

static double Median(IEnumerable<double> values)
{
    double[] sorted = [.. values.Order()];
    return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}

// The build of the package for this processor; a script has no output folder that NuGet could lay it into.
static void UseLibrary()
{
    string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
    string level = Avx512F.IsSupported ? "avx512" : Avx2.IsSupported ? "avx2" : Avx.IsSupported ? "avx" : "noavx";
    string native = Path.Combine(packages, "llamasharp.backend.cpu", "0.30.0", "LLamaSharpRuntimes", "linux-x64", "native", level, "libllama.so");
    if (!File.Exists(native))
    {
        throw new ApertureException($"There is no '{native}'; it comes with the package LLamaSharp.Backend.Cpu 0.30.0, on Linux x64.");
    }

    NativeLibraryConfig.LLama.WithLibrary(native).WithLogCallback((level, text) => { });
}

// A GGUF of version 3 with the published names: norms in float32, matrices in bf16 drawn at random, a vocabulary of nothing in particular.
static void WriteGguf(string path, DecoderSpec spec)
{
    const uint U32 = 4, I32 = 5, F32 = 6, Text = 8, List = 9, TypeF32 = 0, TypeBf16 = 30;
    const int Alignment = 32;
    int d = spec.HiddenSize, f = spec.IntermediateSize, v = spec.VocabularySize, kv = spec.KeyValueHeads * spec.HeadSize, q = spec.Heads * spec.HeadSize;
    List<(string Name, int[] Sizes)> tensors = [("token_embd.weight", [d, v]), ("output_norm.weight", [d]), ("output.weight", [d, v])];
    for (int layer = 0; layer < spec.Layers; layer++)
    {
        tensors.AddRange(new (string, int[])[]
        {
            ("attn_norm", [d]), ("attn_q", [d, q]), ("attn_k", [d, kv]), ("attn_v", [d, kv]), ("attn_output", [q, d]),
            ("ffn_norm", [d]), ("ffn_gate", [d, f]), ("ffn_up", [d, f]), ("ffn_down", [f, d]),
        }.Select(part => ($"blk.{layer}.{part.Item1}.weight", part.Item2)));
    }

    (string Key, object Value)[] facts =
    [
        ("general.architecture", "llama"), ("general.name", "random"), ("llama.context_length", (uint)spec.MaxPositions), ("llama.embedding_length", (uint)d),
        ("llama.block_count", (uint)spec.Layers), ("llama.feed_forward_length", (uint)f), ("llama.attention.head_count", (uint)spec.Heads),
        ("llama.attention.head_count_kv", (uint)spec.KeyValueHeads), ("llama.attention.layer_norm_rms_epsilon", (float)spec.NormEpsilon),
        ("llama.rope.dimension_count", (uint)spec.HeadSize), ("llama.rope.freq_base", 10000f), ("llama.vocab_size", (uint)v),
        ("tokenizer.ggml.model", "llama"), ("tokenizer.ggml.tokens", Enumerable.Range(0, v).Select(Word).ToArray()),
        ("tokenizer.ggml.scores", Enumerable.Range(0, v).Select(id => -(float)id).ToArray()),
        ("tokenizer.ggml.token_type", Enumerable.Range(0, v).Select(id => id == 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1).ToArray()),
        ("tokenizer.ggml.bos_token_id", 1u), ("tokenizer.ggml.eos_token_id", 2u), ("tokenizer.ggml.unknown_token_id", 0u),
    ];
    using FileStream stream = File.Create(path + ".part");
    using (BinaryWriter writer = new(stream))
    {
        void Write(string text)
        {
            byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
            writer.Write((ulong)bytes.Length);
            writer.Write(bytes);
        }

        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)facts.Length);
        foreach ((string key, object value) in facts)
        {
            Write(key);
            switch (value)
            {
                case string text: writer.Write(Text); Write(text); break;
                case uint number: writer.Write(U32); writer.Write(number); break;
                case float number: writer.Write(F32); writer.Write(number); break;
                case string[] list: writer.Write(List); writer.Write(Text); writer.Write((ulong)list.Length); Array.ForEach(list, Write); break;
                case float[] list: writer.Write(List); writer.Write(F32); writer.Write((ulong)list.Length); Array.ForEach(list, writer.Write); break;
                case int[] list: writer.Write(List); writer.Write(I32); writer.Write((ulong)list.Length); Array.ForEach(list, writer.Write); break;
            }
        }

        long Bytes(int[] sizes) => sizes.Length == 1 ? 4L * sizes[0] : 2L * sizes[0] * sizes[1];
        long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
        long offset = 0;
        foreach ((string name, int[] sizes) in tensors)
        {
            Write(name);
            writer.Write((uint)sizes.Length);
            Array.ForEach(sizes, size => writer.Write((ulong)size));
            writer.Write(sizes.Length == 1 ? TypeF32 : TypeBf16);
            writer.Write((ulong)offset);
            offset += Aligned(Bytes(sizes));
        }

        void Pad() => writer.Write(new byte[Aligned(stream.Position) - stream.Position]);
        writer.Flush();
        Pad();
        Random random = new(1);
        foreach ((_, int[] sizes) in tensors)
        {
            if (sizes.Length == 1)
            {
                Array.ForEach(Enumerable.Repeat(1f, sizes[0]).ToArray(), writer.Write);
            }
            else
            {
                // bf16 of -1/32 to 1/32: sign, an exponent of 121 or below, mantissa.
                byte[] row = new byte[2 * sizes[0]];
                for (int output = 0; output < sizes[1]; output++)
                {
                    random.NextBytes(row);
                    for (int high = 1; high < row.Length; high += 2)
                    {
                        row[high] = (byte)((row[high] & 0x80) | 0x3c);
                    }

                    writer.Write(row);
                }
            }

            writer.Flush();
            Pad();
        }
    }

    File.Move(path + ".part", path);

    static string Word(int id) => id switch { 0 => "<unk>", 1 => "<s>", 2 => "</s>", < 259 => $"<0x{id - 3:X2}>", _ => $"w{id}" };
}
