using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Text;

/// <summary>CLIP's text encoder, which gives a sentence's pooled row and its tokens' rows from one pass. Owns its weights.</summary>
internal sealed class FaceText : IDisposable
{
    // What OpenAI's tokenizer fills up with; the rows of the filling are part of what the enhancer sees.
    private const int Padding = 0;
    private const string WeightsFile = "model.safetensors", Projection = "text_projection.weight";

    private readonly IWeightSource _source;
    private readonly ClipTextEncoder _encoder;
    private readonly ITokenizer _tokenizer;
    private readonly string _path;

    private FaceText(IWeightSource source, ClipTextEncoder encoder, ITokenizer tokenizer, string path)
        => (_source, _encoder, _tokenizer, _path) = (source, encoder, tokenizer, path);

    /// <summary>The weights, by published name. Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _encoder.Tensors;

    /// <summary>Tokens of the longest sentence.</summary>
    public int Longest => _encoder.Config.Positions - 2;

    /// <summary>Width of the tokens' rows.</summary>
    public int TokenWidth => _encoder.Config.HiddenSize;

    /// <summary>Width of the pooled row.</summary>
    public int PooledWidth => (int)_encoder.Tensors[Projection].size(0);

    /// <summary>Opens an encoder: a folder in Hugging Face's layout (a whole CLIP or its text part), or OpenAI's file.</summary>
    /// <param name="path">Folder or file.</param>
    /// <param name="tokenizer">Folder with the tokenizer; null for the encoder's own.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="trainable">Whether the weights get memory of their own, so that they can be trained.</param>
    /// <exception cref="ApertureException">It is no such encoder, or its tokenizer is missing.</exception>
    public static FaceText Open(string path, string? tokenizer, Device device, bool trainable = false)
    {
        bool folder = Directory.Exists(path);
        IWeightSource source = WeightFiles.Open(path, new WeightFileOptions { Lenient = true });
        ClipTextEncoder? encoder = null;
        try
        {
            WeightPolicy policy = new(device, ScalarType.Float32, ScalarType.Float32);
            bool original = OpenAiClipWeights.HasText(source);
            IWeightSource weights = original ? OpenAiClipWeights.Text(source) : source;
            ClipTextConfig config = original ? ((OpenAiClipWeights)weights).ReadTextConfig() : ReadConfig(source, path, folder);
            encoder = ClipTextEncoder.Load(weights, config, policy, trainable);
            if (!encoder.Projects)
            {
                throw new ApertureException($"'{path}' has no text_projection, which a sentence's pooled row needs; give a CLIP that has one.");
            }

            ITokenizer words = Tokenizers.FromFolder(
                tokenizer ?? (folder ? path : Path.GetDirectoryName(Path.GetFullPath(path))!),
                new TokenizerOptions { Class = "CLIPTokenizer", RepairText = true, SpecialInText = false });
            return words.VocabularySize <= config.Vocabulary
                ? new FaceText(source, encoder, words, path)
                : throw new ApertureException(
                    $"The tokenizer has {words.VocabularySize} tokens, but CLIP's text encoder knows {config.Vocabulary}; give the one that belongs to it.");
        }
        catch
        {
            encoder?.Dispose();
            source.Dispose();
            throw;
        }
    }

    /// <summary>Checks a sentence.</summary>
    /// <param name="sentence">The sentence.</param>
    /// <param name="what">Its name in messages.</param>
    /// <exception cref="ApertureException">It has no words, or too many.</exception>
    public void Check(string sentence, string what)
    {
        int tokens = string.IsNullOrWhiteSpace(sentence) ? 0 : _tokenizer.Encode(sentence, addSpecialTokens: false).Length;
        if (tokens == 0)
        {
            throw new ApertureException($"{FaceFactory.GeneratorName}: {what} has no words; write a sentence such as 'The woman has wavy hair.'.");
        }

        if (tokens > Longest)
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: {what} has {tokens} tokens, the text encoder takes {Longest}; shorten "
                + $"'{sentence[..Math.Min(sentence.Length, 60)]}…'.");
        }
    }

    /// <summary>Encodes a sentence.</summary>
    /// <param name="sentence">The sentence, checked.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>The pooled row <c>[1, P]</c>, not normalised, and the rows of all positions <c>[1, T, D]</c>; the caller disposes them.</returns>
    public (Tensor Pooled, Tensor Tokens) Encode(string sentence, CancellationToken cancellationToken) => Encode([sentence], cancellationToken);

    /// <summary>Encodes several.</summary>
    /// <param name="sentences">The sentences, checked.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Pooled rows <c>[B, P]</c>, not normalised, and the rows of all positions <c>[B, T, D]</c>; the caller disposes them.</returns>
    public (Tensor Pooled, Tensor Tokens) Encode(IReadOnlyList<string> sentences, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor ids, _) = EncoderText.Batch(
            [.. sentences.Select(sentence => EncoderText.Encode(_tokenizer, sentence, _encoder.Config.Positions, Padding))]);
        Tensor rows = _encoder.Run(ids, cancellationToken: cancellationToken);
        Tensor pooled = _encoder.Project(_encoder.Pool(ids, rows));
        return (pooled.MoveToOuterDisposeScope(), rows.MoveToOuterDisposeScope());
    }

    /// <summary>Writes the encoder with other weights, beside its configuration and tokenizer.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="weights">The weights by published name; borrowed.</param>
    /// <param name="half">Whether matrices are written in half precision.</param>
    /// <returns>The files.</returns>
    /// <exception cref="ApertureException">This encoder was not opened from a folder.</exception>
    public IReadOnlyList<string> Save(string folder, IReadOnlyDictionary<string, Tensor> weights, bool half)
    {
        if (!Directory.Exists(_path))
        {
            throw new ApertureException(
                $"{FaceFactory.GeneratorName}: '{_path}' is a file, and a trained text encoder is written as a folder; give one in Hugging Face's layout.");
        }

        Directory.CreateDirectory(folder);
        string[] others = [.. Directory.EnumerateFiles(_path).Where(file => Path.GetExtension(file) is ".json" or ".txt")];
        string[] copies = [.. others.Select(file => Path.Combine(folder, Path.GetFileName(file)))];
        foreach ((string from, string to) in others.Zip(copies))
        {
            File.Copy(from, to, overwrite: true);
        }

        string file = Path.Combine(folder, WeightsFile);
        SafetensorsWriter.Save(file, weights, half: half);
        return [.. copies, file];
    }

    /// <summary>Writes an encoder before training, in Hugging Face's layout, with a vocabulary in which each word of some sentences is one token.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="sentences">The sentences.</param>
    /// <param name="sizes">Sizes; the vocabulary's is set.</param>
    /// <param name="seed">Seed.</param>
    public static void Begin(string folder, IEnumerable<string> sentences, ClipTextConfig sizes, long seed)
    {
        using DisposeScope scope = NewDisposeScope();
        ClipVocabulary vocabulary = ClipVocabulary.OfSentences(sentences);
        ClipTextConfig config = sizes with { Vocabulary = vocabulary.Tokens.Count };
        vocabulary.Write(folder, config.Positions);
        File.WriteAllText(Path.Combine(folder, ModelFolder.ConfigFile), config.ToJson().ToJsonString());
        using Generator generator = new(unchecked((ulong)seed), CPU);
        using ClipTextEncoder encoder = ClipTextEncoder.Begin(config, WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float32), generator);
        Tensor projection = randn([config.HiddenSize, config.HiddenSize], generator: generator).mul(1 / Math.Sqrt(config.HiddenSize));
        SafetensorsWriter.Save(Path.Combine(folder, WeightsFile), new Dictionary<string, Tensor>(encoder.Tensors) { [Projection] = projection });
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose()
    {
        _encoder.Dispose();
        _source.Dispose();
    }

    private static ClipTextConfig ReadConfig(IWeightSource source, string path, bool folder)
    {
        if (!source.Contains("text_model.embeddings.token_embedding.weight"))
        {
            throw new ApertureException(
                $"'{path}' holds no CLIP text encoder (text_model.embeddings.token_embedding.weight is missing); give a folder such as clip-vit-base-patch32.");
        }

        string file = Path.Combine(folder ? path : Path.GetDirectoryName(Path.GetFullPath(path))!, ModelFolder.ConfigFile);
        ConfigReader config = new(ModelFolder.ReadJson(file), file);
        JsonElement text = config.Has("text_config") ? config.Child("text_config").Root : config.Root;

        // Hugging Face leaves out what is its default, that of ViT-B/32; the reader's own defaults are those of ViT-L/14.
        ClipTextConfig parsed = ClipTextConfig.Parse(text, file);
        ConfigReader says = new(text, file);
        long[] words = source.Describe("text_model.embeddings.token_embedding.weight").Shape;
        return parsed with
        {
            HiddenSize = (int)words[1],
            IntermediateSize = (int)source.Describe("text_model.encoder.layers.0.mlp.fc1.weight").Shape[0],
            Heads = says.Has("num_attention_heads") ? parsed.Heads : Math.Max(1, (int)words[1] / 64),
        };
    }
}
