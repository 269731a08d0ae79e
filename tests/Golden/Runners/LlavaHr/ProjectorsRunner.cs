using Aperture.Golden.Tests.Vision;
using Aperture.Models;
using Aperture.Plugins.Llava;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>Projectors of one, two and three layers.</summary>
public sealed class ProjectorsRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "projectors";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int inputs = golden.Config.GetProperty("mm_hidden_size").GetInt32(), outputs = golden.Config.GetProperty("hidden_size").GetInt32();
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)).ToList())
        {
            string type = name["out.".Length..];
            string[] layers = [.. LlavaKeys.CanonicalProjector(Projector.LayersOf(type)).Select(layer => $"{type}.{layer}")];
            using Projector projector = Projector.Load(golden.Weights(), layers, inputs, outputs, "gelu", bias: true, RecordedTrunk.Policy);
            golden.Compare(name, projector.Run(golden.Get("in.x")));
        }
    }
}
