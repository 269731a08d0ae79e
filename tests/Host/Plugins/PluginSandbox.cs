using System.Reflection;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

/// <summary>A temporary folder with copies of built test plugins, and hosts that load from it.</summary>
internal sealed class PluginSandbox : IDisposable, IMethodFiles
{
    private static readonly string _built = typeof(PluginSandbox).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "TestPlugins").Value!;

    public static DecoderInfo Decoder { get; } = new()
    {
        Model = "test",
        Layers = 32,
        HiddenSize = 64,
        IntermediateSize = 128,
        Heads = 8,
        KeyValueHeads = 4,
        HeadSize = 8,
        VocabularySize = 100,
        VisualTokens = 576,
    };

    public string Folder { get; } = Directory.CreateTempSubdirectory("aperture-test-").FullName;

    public string Shadows => Path.Combine(Folder, "shadows");

    public string? ModelFolder => null;

    /// <summary>Copies the build output of <c>TestPlugins.{project}</c> to <c>{Folder}/{name}</c>, over what is there.</summary>
    public string Add(string project, string? name = null)
    {
        string target = Directory.CreateDirectory(Path.Combine(Folder, name ?? project)).FullName;
        foreach (string file in Directory.EnumerateFiles(_built.Replace("{0}", $"TestPlugins.{project}", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        }

        return target;
    }

    public PluginHost Host(params string[] folders) => Host(default, folders);

    public PluginHost Host(JsonElement options, params string[] folders) => new(
        new PluginCatalog(
            folders.Select(folder => new PluginEntry(Path.GetFileName(folder).ToLowerInvariant(), Path.Combine(Folder, folder), Options: options))),
        new PluginHostOptions { ShadowParent = Shadows });

    public string Resolve(string path) => throw new ApertureException($"There is no file {path}.");

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
