using System.Text.Json;
using Aperture.Files;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// LLaMA as Meta released it (<c>consolidated.NN.pth</c>, one file for each rank it was trained on, and <c>params.json</c>) under Hugging Face's names and in
/// its row order: the ranks' parts are joined, and the query and key rows of each head go from neighbouring pairs to two halves, which rotary positions here
/// rotate.
/// </summary>
public sealed class MetaLlamaWeights : IMappedWeights
{
    /// <summary>The name of the file with the sizes.</summary>
    public const string ParametersFile = "params.json";

    private const string Rotary = "rope.freqs"; // a table that every loader computes for itself

    // Meta's name within a layer, Hugging Face's, and the dimension that ranks split (-1: each rank holds all of it).
    private static readonly (string Meta, string HuggingFace, int Split)[] _layerNames =
    [
        ("attention.wq", "self_attn.q_proj", 0), ("attention.wk", "self_attn.k_proj", 0),
        ("attention.wv", "self_attn.v_proj", 0), ("attention.wo", "self_attn.o_proj", 1),
        ("feed_forward.w1", "mlp.gate_proj", 0), ("feed_forward.w3", "mlp.up_proj", 0), ("feed_forward.w2", "mlp.down_proj", 1),
        ("attention_norm", "input_layernorm", -1), ("ffn_norm", "post_attention_layernorm", -1),
    ];

    private readonly IReadOnlyList<IWeightSource> _ranks;
    private readonly Dictionary<string, Part> _parts = new(StringComparer.Ordinal);
    private readonly bool _ownsRanks;

    /// <summary>A view of open files.</summary>
    /// <param name="ranks">The files' weights in order of rank, under Meta's names.</param>
    /// <param name="parameters">The content of <c>params.json</c>. A vocabulary size of -1, as published, is taken from the embedding table.</param>
    /// <param name="where">Name of that file for messages.</param>
    /// <param name="ownsRanks">Whether disposing the view disposes the files.</param>
    /// <exception cref="ApertureException">The files do not hold the same names, or a parameter has the wrong type or range.</exception>
    public MetaLlamaWeights(IReadOnlyList<IWeightSource> ranks, JsonElement parameters, string where, bool ownsRanks = true)
    {
        _ranks = ranks;
        _ownsRanks = ownsRanks;
        Config = ReadConfig(new ConfigReader(parameters, where));
        foreach (string name in ranks[0].Names)
        {
            if (ranks.Skip(1).FirstOrDefault(rank => !rank.Contains(name)) is not null)
            {
                throw new ApertureException($"The first of {ranks.Count} LLaMA files holds '{name}', another does not; fetch all files of one release.");
            }

            if (name != Rotary)
            {
                (string renamed, Part part) = Describe(name, Config.Heads);
                _parts[renamed] = part;
            }
        }
    }

    /// <summary>The decoder's sizes.</summary>
    public DecoderSpec Config { get; }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _parts.Keys;

    /// <summary>Whether a folder holds LLaMA in Meta's layout.</summary>
    /// <param name="folder">The folder.</param>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, ParametersFile)) && Files(folder).Length > 0;

    /// <summary>Opens the files of a folder.</summary>
    /// <param name="folder">The folder with <c>params.json</c> and <c>consolidated.NN.pth</c>.</param>
    /// <returns>The weights; the caller disposes them after the tensors that came from them.</returns>
    /// <exception cref="ApertureException">A file is missing or damaged.</exception>
    public static MetaLlamaWeights Open(string folder)
    {
        string path = Path.Combine(folder, ParametersFile);
        string[] files = Files(folder);
        if (!File.Exists(path) || files.Length == 0)
        {
            throw new ApertureException($"Folder '{folder}' does not hold LLaMA in Meta's layout: it needs {ParametersFile} and consolidated.00.pth.");
        }

        List<IWeightSource> ranks = [];
        try
        {
            ranks.AddRange(files.Select(file => WeightFiles.Open(file)));
            using JsonDocument parameters = JsonText.Open(path);
            return new MetaLlamaWeights(ranks, parameters.RootElement, path);
        }
        catch
        {
            ranks.ForEach(rank => rank.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _parts.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
    {
        Part part = Find(name);
        WeightInfo first = _ranks[0].Describe(part.Original);
        if (part.Split < 0)
        {
            return first;
        }

        long[] shape = [.. first.Shape];
        shape[part.Split] = _ranks.Sum(rank => rank.Describe(part.Original).Shape[part.Split]);
        return first with { Shape = shape };
    }

    /// <inheritdoc/>
    public Tensor Load(string name)
    {
        Part part = Find(name);
        using DisposeScope scope = NewDisposeScope();
        bool whole = part.Split < 0 || _ranks.Count == 1;
        Tensor joined = whole ? _ranks[0].Load(part.Original) : cat([.. _ranks.Select(rank => rank.Load(part.Original))], part.Split);
        return (part.Heads == 0 ? joined : Halves(joined, part.Heads, name)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void ReleasePages(string name)
    {
        string original = Find(name).Original;
        foreach (IWeightSource rank in _ranks)
        {
            rank.ReleasePages(original);
        }
    }

    /// <inheritdoc/>
    public void ReleasePages()
    {
        foreach (IWeightSource rank in _ranks)
        {
            rank.ReleasePages();
        }
    }

    /// <summary>Disposes the files if the view owns them.</summary>
    public void Dispose()
    {
        foreach (IWeightSource rank in _ownsRanks ? _ranks : [])
        {
            rank.Dispose();
        }
    }

    // Rows of a head: pair after pair -> all first partners, then all second ones.
    private static Tensor Halves(Tensor rows, int heads, string name)
    {
        long height = rows.size(0);
        if (height % (2L * heads) != 0)
        {
            throw new ApertureException(
                $"'{name}' has {height} rows, which are no pairs of {heads} heads; checkpoint and {ParametersFile} do not belong together.");
        }

        return rows.view(heads, height / heads / 2, 2, -1).transpose(1, 2).reshape(height, -1); // [heads, pairs, 2, d] -> [heads, 2, pairs, d]
    }

    private static (string Name, Part Part) Describe(string meta, int heads)
    {
        switch (meta)
        {
            case "tok_embeddings.weight":
                return ("model.embed_tokens.weight", new Part(meta, 1, 0));
            case "norm.weight":
                return ("model.norm.weight", new Part(meta, -1, 0));
            case "output.weight":
                return ("lm_head.weight", new Part(meta, 0, 0));
        }

        string[] pieces = meta.Split('.');
        if (pieces.Length > 3 && pieces[0] == "layers" && pieces[^1] == "weight")
        {
            string within = string.Join('.', pieces[2..^1]);
            if (Array.Find(_layerNames, entry => entry.Meta == within) is { Meta: not null } found)
            {
                bool paired = within is "attention.wq" or "attention.wk";
                return ($"model.layers.{pieces[1]}.{found.HuggingFace}.weight", new Part(meta, found.Split, paired ? heads : 0));
            }
        }

        return (meta, new Part(meta, -1, 0));
    }

    private static string[] Files(string folder)
        => Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "consolidated.*.pth").Order(StringComparer.Ordinal)] : [];

    private DecoderSpec ReadConfig(ConfigReader parameters)
    {
        int width = parameters.Size("dim", 4096), heads = parameters.Size("n_heads", 32), multiple = parameters.Size("multiple_of", 256);
        int vocabulary = parameters.Integer("vocab_size", -1);
        if (width % heads != 0)
        {
            throw new ApertureException($"{parameters.Where}: dim {width} is not a multiple of n_heads {heads}.");
        }

        return new DecoderSpec
        {
            HiddenSize = width,
            IntermediateSize = ((8 * width / 3) + multiple - 1) / multiple * multiple,
            Layers = parameters.Size("n_layers", 32),
            Heads = heads,
            KeyValueHeads = heads,
            HeadSize = width / heads,
            VocabularySize = vocabulary > 0 ? vocabulary : (int)_ranks[0].Describe("tok_embeddings.weight").Shape[0],
            NormEpsilon = parameters.Number("norm_eps", 1e-5),
            Rotary = new RotaryConfig { Dimensions = width / heads },
        };
    }

    private Part Find(string name) => _parts.TryGetValue(name, out Part? part) ? part : throw MissingWeight.In("The LLaMA files", name, Names);

    private sealed record Part(string Original, int Split, int Heads);
}
