using TorchSharp;

namespace Aperture.Scripting;

/// <summary>A torch module in words: its name, how many parameters it has, and its children.</summary>
internal static class ModuleText
{
    private const int MostChildren = 40;

    public static DisplayForm Describe(torch.nn.Module module)
    {
        (string Name, torch.nn.Module Module)[] children = [.. module.named_children()];
        List<string> lines = [$"{module.GetName()}, {Count(module):N0} parameters"];
        lines.AddRange(children.Take(MostChildren).Select(c => $"  {c.Name}: {c.Module.GetName()}, {Count(c.Module):N0}"));
        if (children.Length > MostChildren)
        {
            lines.Add($"  … {children.Length - MostChildren} more");
        }

        return new DisplayForm(string.Join('\n', lines));
    }

    private static long Count(torch.nn.Module module) => module.parameters().Sum(p => p.numel());
}
