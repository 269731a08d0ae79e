using System.Text.Json;
using Aperture.Files;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// A checkpoint in several files with an index (<c>model.safetensors.index.json</c> or <c>pytorch_model.bin.index.json</c>), seen as one.
/// Every shard is opened, and every name of the index looked up in it, when the checkpoint is opened; what no shard need hold is <see cref="Absent"/>.
/// </summary>
public sealed class ShardedWeights : IMappedWeights
{
    private const long MaxIndexLength = 256L << 20;

    // What may be listed and not saved: buffers that a model computes anew, and an output matrix that is the embedding table.
    // Where it is not the table, opening the model tells that it is lost.
    private static readonly string[] _unsaved = ["rotary_emb.inv_freq", "position_ids", "attn.masked_bias", "attn.bias", "lm_head.weight"];

    private readonly Dictionary<string, IWeightSource> _owners;
    private readonly List<IWeightSource> _shards;
    private readonly Dictionary<string, string> _absent;

    private ShardedWeights(string path, List<IWeightSource> shards, Dictionary<string, IWeightSource> owners, Dictionary<string, string> absent)
    {
        Path = path;
        _absent = absent;
        _shards = shards;
        _owners = owners;
        Names = shards.SelectMany(shard => shard.Names.Where(name => owners.TryGetValue(name, out IWeightSource? owner) && ReferenceEquals(owner, shard)))
            .ToArray();
    }

    /// <summary>The index file's path as it was given.</summary>
    public string Path { get; }

    /// <summary>The names of all tensors, shard by shard.</summary>
    public IReadOnlyCollection<string> Names { get; }

    /// <summary>The shards in the order of their file names. They belong to this source.</summary>
    public IReadOnlyList<IWeightSource> Shards => _shards;

    /// <summary>
    /// Names that the index has and no shard holds, of buffers that a model computes anew and of a tied output matrix. They are no tensors of the checkpoint;
    /// whoever asks for one is told.
    /// </summary>
    public IReadOnlyCollection<string> Absent => _absent.Keys;

    /// <summary>Opens an index and its shards.</summary>
    /// <param name="indexPath">The index file: <c>{"weight_map": {name: file}}</c> with plain file names in its own folder.</param>
    /// <param name="options">How pickled shards are read; the defaults if null.</param>
    /// <exception cref="ApertureException">
    /// The index is damaged, names a file that leaves the folder or does not exist, or one that lacks what the index places in it.
    /// </exception>
    public static ShardedWeights Open(string indexPath, WeightFileOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(indexPath);
        Dictionary<string, string> map = ReadMap(indexPath);
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(indexPath))!;
        List<IWeightSource> shards = new();
        try
        {
            Dictionary<string, IWeightSource> owners = new(StringComparer.Ordinal);
            Dictionary<string, string> absent = new(StringComparer.Ordinal);
            foreach (IGrouping<string, KeyValuePair<string, string>> group in map
                .GroupBy(pair => pair.Value, StringComparer.Ordinal)
                .OrderBy(group => group.Key, StringComparer.Ordinal))
            {
                string path = System.IO.Path.Combine(folder, group.Key);
                if (!File.Exists(path))
                {
                    throw new ApertureException(
                        $"Weights index '{indexPath}' names the shard '{group.Key}', which is not in its folder; fetch the missing file.");
                }

                IWeightSource shard = WeightFiles.OpenFile(path, options);
                shards.Add(shard);
                foreach ((string name, string _) in group)
                {
                    if (shard.Contains(name))
                    {
                        owners.Add(name, shard);
                    }
                    else if (_unsaved.Any(ending => name.EndsWith(ending, StringComparison.Ordinal)))
                    {
                        absent.Add(name, group.Key);
                    }
                    else
                    {
                        throw Lacking(indexPath, name, group.Key);
                    }
                }
            }

            return new ShardedWeights(indexPath, shards, owners, absent);
        }
        catch
        {
            shards.ForEach(shard => shard.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _owners.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name) => Owner(name).Describe(name);

    /// <inheritdoc/>
    public Tensor Load(string name) => Owner(name).Load(name);

    /// <inheritdoc/>
    public void ReleasePages(string name) => Owner(name).ReleasePages(name);

    /// <inheritdoc/>
    public void ReleasePages() => _shards.ForEach(shard => shard.ReleasePages());

    /// <summary>Closes all shards. Tensors over their memory must be disposed before.</summary>
    public void Dispose() => _shards.ForEach(shard => shard.Dispose());

    /// <summary>Where an index places tensors: name to file.</summary>
    /// <param name="indexPath">The index file.</param>
    /// <exception cref="ApertureException">It is damaged, or names a file that leaves the folder.</exception>
    internal static IReadOnlyDictionary<string, string> Places(string indexPath) => ReadMap(indexPath);

    private static Dictionary<string, string> ReadMap(string indexPath)
    {
        using MappedFile file = MappedFile.Open(indexPath);
        if (file.Length > MaxIndexLength)
        {
            throw new ApertureException($"Weights index '{indexPath}' has {file.Length} bytes, more than any index needs; this is not an index.");
        }

        try
        {
            using JsonDocument document = JsonText.Parse(file.Bytes(0, (int)file.Length).ToArray());
            return ReadMap(document.RootElement, indexPath);
        }
        catch (Exception cause) when (cause is JsonException or InvalidOperationException)
        {
            throw new ApertureException($"Weights index '{indexPath}' is not a JSON object with a 'weight_map' of names to files; fetch it again.", cause);
        }
    }

    private static Dictionary<string, string> ReadMap(JsonElement root, string indexPath)
    {
        Dictionary<string, string> map = new(StringComparer.Ordinal);
        if (!root.TryGetProperty("weight_map", out JsonElement weights))
        {
            throw new JsonException("weight_map is missing");
        }

        foreach (JsonProperty entry in weights.EnumerateObject())
        {
            string file = entry.Value.GetString() ?? throw new JsonException("a file name is null");
            if (file.Length == 0 || file is "." or ".." || file.AsSpan().ContainsAny('/', '\\', '\0'))
            {
                throw new ApertureException(
                    $"Weights index '{indexPath}' places tensor '{entry.Name}' in '{file}'; only plain names of files in the index's own folder are allowed.");
            }

            map.Add(entry.Name, file);
        }

        return map;
    }

    private IWeightSource Owner(string name) => _owners.TryGetValue(name, out IWeightSource? owner) ? owner
        : _absent.TryGetValue(name, out string? shard) ? throw Lacking(Path, name, shard)
        : throw MissingWeight.In($"Checkpoint '{Path}'", name, Names);

    private static ApertureException Lacking(string index, string name, string shard)
        => new($"Weights index '{index}' places tensor '{name}' in '{shard}', which does not hold it; fetch index and shards again.");
}
