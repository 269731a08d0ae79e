namespace Aperture.Jupyter;

/// <summary>Takes the outputs of a cell that was asked to run silently, and publishes none.</summary>
internal sealed class SilentOutput : ICellOutput
{
    public void Stream(string name, string text)
    {
    }

    public void Display(MimeBundle bundle, string? id)
    {
    }

    public void Update(MimeBundle bundle, string id)
    {
    }

    public void Result(MimeBundle bundle, int count)
    {
    }

    public void Error(CellError error)
    {
    }

    public void Clear(bool wait)
    {
    }
}
