using Aperture.Plugins.Eas.Lavin;

namespace Aperture.Plugins.Eas;

/// <summary>Widths and constants of a decoder's adapters. The published defaults of LLaVA-EAS.</summary>
/// <param name="AdapterWidth">r of the adapters before attention.</param>
/// <param name="PropagationWidth">r of those in its place.</param>
/// <param name="Scale">s.</param>
/// <param name="Temperature">t of the routers; 5 for 13B models.</param>
/// <param name="Groups">Blocks of the ways up.</param>
/// <param name="VisionRouter">What routers in LaVIN's tower read; null for what the adapters were trained with.</param>
internal sealed record AdapterShape(
    int AdapterWidth = 128, int PropagationWidth = 256, double Scale = 1, double Temperature = 10, int Groups = 2, VisionRouterMode? VisionRouter = null)
{
    /// <summary>Checks the constants, and the widths against a decoder's where they are chosen here.</summary>
    /// <exception cref="ApertureException">A value is out of range.</exception>
    public void Validate(int? hidden = null)
    {
        if (!double.IsFinite(Scale))
        {
            throw EasAdapters.Error($"Scale is {Scale}; give a number, such as 1");
        }

        if (!(Temperature > 0 && double.IsFinite(Temperature)))
        {
            throw EasAdapters.Error($"Temperature is {Temperature}; give a number above 0, such as 10");
        }

        if (Groups < 1 || (hidden is { } d && d % Groups != 0))
        {
            throw EasAdapters.Error($"Groups is {Groups}; give a divisor of the hidden width{(hidden is null ? "" : $" {hidden}")}, such as 2");
        }

        foreach ((string name, int width) in new[] { ("AdapterDim", AdapterWidth), ("PiaDim", PropagationWidth) })
        {
            if (hidden is not null && (width < 1 || width % Groups != 0))
            {
                throw EasAdapters.Error($"{name} is {width}; give a multiple of Groups ({Groups})");
            }
        }
    }
}
